"""Derivatives of a layer's values by parameters, and what curvature makes of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

_STRIPS = 4
_LEAST_STRIP = 64


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Tangents:
    """Derivatives of the ``features`` of every sample along parameters.

    The parameters of the latest layer act on one group of features each, alike in every
    group: their derivatives are kept for all groups in one. They come after the
    parameters of earlier layers, group by group.

    Attributes:
        dense: Along parameters of earlier layers, ``(directions, features, samples)``.
        own: Along those of the latest, ``(own, features, samples)``.
        groups: Equal numbers of consecutive features.
    """

    dense: Tensor
    own: Tensor
    groups: int

    @classmethod
    def none(cls, features: Tensor) -> "Tangents":
        """Of ``(features, samples)`` that depend on no parameter."""
        empty = features.new_empty(0, *features.shape)
        return cls(dense=empty, own=empty, groups=1)

    @property
    def before(self) -> int:
        """Number of parameters of earlier layers."""
        return self.dense.shape[0]

    @property
    def directions(self) -> int:
        """Number of parameters."""
        return self.before + self.groups * self.own.shape[0]

    def map(self, function: Callable[[Tensor], Tensor]) -> "Tangents":
        """After a linear function that keeps the groups apart."""
        return Tangents(
            dense=function(self.dense), own=function(self.own), groups=self.groups
        )

    def grouped(self, most: int) -> "Tangents":
        """The same in so many groups at most."""
        return self if self.groups <= most else self.spread()

    def spread(self) -> "Tangents":
        """The same with all parameters taken for earlier ones."""
        if self.own.shape[0] == 0:
            return self
        own = self.own.unflatten(1, (self.groups, -1))
        apart = own.new_zeros(self.groups, *own.shape)
        apart.diagonal(dim1=0, dim2=2).copy_(own.movedim(1, -1))
        everything = torch.cat([self.dense, apart.flatten(2, 3).flatten(0, 1)])
        return Tangents(dense=everything, own=everything[:0], groups=1)

    def add_weighted(self, hessian: Tensor, weights: Tensor) -> None:
        """Adds the sum of ``weights * tangent * tangent`` to the upper triangle.

        Args:
            hessian: ``(parameters, parameters)``, of which all directions come first.
            weights: ``(features, samples)``.
        """
        before, groups = self.before, self.groups
        dense = (self.dense * weights).flatten(1)
        _add_symmetric(hessian[:before, :before], self.dense.flatten(1), dense)
        if self.own.shape[0] == 0:
            return
        own = _by_group(self.own, groups)
        across = dense.unflatten(1, (groups, -1)).transpose(0, 1) @ own.mT
        _columns(hessian, self).unflatten(1, (groups, -1)).add_(across.transpose(0, 1))
        within = _by_group(self.own * weights, groups) @ own.mT
        _corner(hessian, self).diagonal(dim1=0, dim2=2).add_(within.movedim(0, -1))

    def contract(self, weights: Tensor) -> Tensor:
        """Sums over features of ``weights * tangent``, ``(directions, samples)``."""
        dense = (self.dense * weights).sum(1)
        own = (self.own * weights).unflatten(1, (self.groups, -1)).sum(2)
        return torch.cat([dense, own.transpose(0, 1).flatten(0, 1)])


def _add_symmetric(block: Tensor, left: Tensor, right: Tensor) -> None:
    """Adds the upper triangle of the symmetric ``left @ right^T``, in strips."""
    width = max(_LEAST_STRIP, -(-len(left) // _STRIPS))
    for start, strip in enumerate(right.split(width)):
        end = start * width + len(strip)
        block[:end, start * width : end].addmm_(left[:end], strip.mT)


def _by_group(own: Tensor, groups: int) -> Tensor:
    """Own tangents ``(groups, own, features of a group and samples)``."""
    return own.unflatten(1, (groups, -1)).flatten(2).transpose(0, 1)


def _columns(hessian: Tensor, tangents: Tangents) -> Tensor:
    """The block of earlier by own parameters."""
    return hessian[: tangents.before, tangents.before : tangents.directions]


def _corner(hessian: Tensor, tangents: Tangents) -> Tensor:
    """The block of own parameters, ``(groups, own, groups, own)``."""
    own = slice(tangents.before, tangents.directions)
    sizes = (tangents.groups, -1)
    return hessian[own, own].unflatten(1, sizes).unflatten(0, sizes)
