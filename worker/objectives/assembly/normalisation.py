"""Layer normalisation as the assembly of a Hessian sees it."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from worker.objectives.assembly.stages import Named, Passage, no_numbers
from worker.objectives.assembly.tangents import Tangents


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Normalisation:
    """Normalises all features of a sample together.

    With ``c`` the centred inputs, ``s`` their inverse deviation, ``h = s c``, and
    ``e = weight * slope``, the second derivative of ``e . h`` along ``X`` and ``Y`` is
    ``-s^2 (u_X v_Y + v_X u_Y) + (e . h) s^2 (3 v_X v_Y - <X, Y>)`` with ``u_X`` the sum
    of ``(e - mean e) X``, ``v_X`` the mean of ``h X`` and ``<X, Y>`` the covariance,
    the mean of ``X Y`` less the product of the means ``m_X m_Y``.

    Attributes:
        weight: Name of its weight; None where there is none.
        bias: Name of its bias; None where there is none.
        eps: Added to the variance.
    """

    weight: str | None
    bias: str | None
    eps: float

    def order(self, numbers: Named) -> Tensor:
        """Feature by feature, the weight before the bias."""
        names = [name for name in (self.weight, self.bias) if name is not None]
        if not names:
            return no_numbers(numbers)
        return torch.stack([numbers[n].flatten() for n in names], dim=1).flatten()

    def outputs(self, inputs: Tensor, named: Named) -> Tensor:
        """Values ``(features, samples)``."""
        scaled = functional.layer_norm(
            inputs.T,
            inputs.shape[:1],
            None if self.weight is None else named[self.weight].flatten(),
            None if self.bias is None else named[self.bias].flatten(),
            self.eps,
        )
        return scaled.T

    def advance(self, at: Passage, tangents: Tangents, hessian: Tensor) -> Tangents:
        """Tangents of the outputs; adds the curvature of the quotient."""
        variance, mean = torch.var_mean(at.inputs, 0, correction=0)
        scale = (variance + self.eps).rsqrt()
        normal = (at.inputs - mean) * scale
        slope = at.slope
        if self.weight is not None:
            slope = slope * at.named[self.weight].flatten()[:, None]
        means = tangents.contract(torch.ones_like(normal)) / len(normal)
        along = tangents.contract(normal) / len(normal)
        strength = scale * scale * (slope * normal).sum(0)
        weights = (-strength / len(normal)).expand_as(normal)
        tangents.add_weighted(hessian, weights)
        centred = slope - slope.mean(0)
        pulled = tangents.contract(centred) * (scale * scale)
        block = hessian[: len(along), : len(along)]
        block.addmm_(strength * means, means.mT)
        block.addmm_(3.0 * strength * along - pulled, along.mT)
        block.addmm_(along, pulled.mT, alpha=-1.0)
        dense = tangents.spread().dense - means.unsqueeze(1)
        dense = scale * (dense - normal * along.unsqueeze(1))
        own: list[Tensor] = []
        if self.weight is not None:
            own.append(normal)
            self._share(hessian, (dense * at.slope).sum(2))
            dense = dense * at.named[self.weight].flatten()[:, None]
        if self.bias is not None:
            own.append(torch.ones_like(normal))
        return Tangents(
            dense=dense,
            own=torch.stack(own) if own else dense[:0],
            groups=len(normal) if own else 1,
        )

    def _share(self, hessian: Tensor, shared: Tensor) -> None:
        """Adds the block of earlier parameters by weights, ``(earlier, weights)``."""
        before, features = shared.shape
        width = 1 + (self.bias is not None)
        columns = hessian[:before, before : before + features * width]
        columns[:, ::width].add_(shared)
