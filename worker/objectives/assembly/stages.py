"""Layers of a network as the assembly of its Hessian sees them.

Values have flat features first and samples last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, final

import torch
from torch import Tensor
from torch.nn import functional

from worker.networks.activations import Activation
from worker.objectives.assembly.tangents import Tangents
from worker.objectives.assembly.windows import Windows

Named = Mapping[str, Tensor]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What one pass through a stage left behind.

    Attributes:
        inputs: ``(features, samples)``.
        slope: Of the summed loss by the outputs, ``(features, samples)``.
        named: Parameters by name.
    """

    inputs: Tensor
    slope: Tensor
    named: Named


class Stage(Protocol):
    """One layer."""

    def order(self, numbers: Named) -> Tensor:
        """Numbers of its parameters in the order of its tangents.

        Args:
            numbers: Of all parameters, in tensors of their names and shapes.
        """
        ...

    def outputs(self, inputs: Tensor, named: Named) -> Tensor:
        """Values ``(features, samples)``."""
        ...

    def advance(self, at: Passage, tangents: Tangents, hessian: Tensor) -> Tangents:
        """Tangents of the outputs; adds the layer's own curvature to the Hessian.

        Args:
            at: Where the layer is linearised.
            tangents: Of its inputs.
            hessian: Of the parameters so far and later ones; only the upper triangle
                counts.
        """
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Affine:
    """A dense layer, or a convolution as one of every window.

    Attributes:
        weight: Name of its weight.
        bias: Name of its bias; None where there is none.
        windows: Of a convolution.
    """

    weight: str
    bias: str | None
    windows: Windows | None

    def order(self, numbers: Named) -> Tensor:
        """Output by output, the weights before the bias."""
        weight = numbers[self.weight].flatten(1)
        if self.bias is None:
            return weight.flatten()
        return torch.cat([weight, numbers[self.bias][:, None]], dim=1).flatten()

    def outputs(self, inputs: Tensor, named: Named) -> Tensor:
        """Values ``(features, samples)``."""
        outputs = named[self.weight].flatten(1) @ self._columns(inputs)
        if self.bias is not None:
            outputs = outputs + named[self.bias][:, None]
        return outputs.view(-1, inputs.shape[-1])

    def advance(self, at: Passage, tangents: Tangents, hessian: Tensor) -> Tangents:
        """Tangents of the outputs; adds what weights and inputs share."""
        if self.windows is not None:
            tangents = tangents.grouped(self.windows.image[0])
        weight, inputs = named_flat(at, self.weight), self._columns(at.inputs)
        if self.bias is not None:
            inputs = torch.cat([inputs, torch.ones_like(inputs[:1])])
        slope = at.slope.reshape(weight.shape[0], -1)
        before, directions = tangents.before, tangents.directions
        block = hessian[:, directions : directions + weight.shape[0] * inputs.shape[0]]
        block = block.unflatten(1, (weight.shape[0], -1))[..., : weight.shape[1]]
        columns = self._columns(tangents.dense)
        block[:before].add_((columns @ slope.mT).mT)
        dense = weight @ columns
        if tangents.own.shape[0] > 0:
            groups = (tangents.groups, -1)
            columns = self._columns(tangents.own).unflatten(1, groups)
            grouped = block[before:directions].unflatten(2, groups).unflatten(0, groups)
            shared = (columns @ slope.mT).permute(0, 3, 2, 1)
            grouped.diagonal(dim1=0, dim2=3).add_(shared)
            own = weight.unflatten(1, groups).transpose(0, 1) @ columns
            dense = torch.cat([dense, own.transpose(0, 1).flatten(0, 1)])
        own = inputs.unsqueeze(1).expand(-1, weight.shape[0], -1)
        sizes = (-1, at.inputs.shape[-1])
        return Tangents(
            dense=dense.flatten(1).unflatten(1, sizes),
            own=own.reshape(own.shape[0], *at.slope.shape),
            groups=weight.shape[0],
        )

    def _columns(self, features: Tensor) -> Tensor:
        """What each output sees, ``(..., inputs, places and samples)``."""
        if self.windows is None:
            return features
        return self.windows.cut(features).flatten(-3).flatten(-4, -2)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pointwise:
    """An activation.

    Attributes:
        activation: Which.
    """

    activation: Activation

    def order(self, numbers: Named) -> Tensor:
        """It has no parameters."""
        return no_numbers(numbers)

    def outputs(self, inputs: Tensor, named: Named) -> Tensor:  # noqa: ARG002
        """Values ``(features, samples)``."""
        return self.activation.module()(inputs)

    def advance(self, at: Passage, tangents: Tangents, hessian: Tensor) -> Tangents:
        """Tangents of the outputs; adds what bends."""
        first, second = self.activation.derivatives(at.inputs)
        if self.activation.bends:
            tangents.add_weighted(hessian, second * at.slope)
        return tangents.map(lambda values: values * first)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePool:
    """Means over windows.

    Attributes:
        windows: These.
    """

    windows: Windows

    def order(self, numbers: Named) -> Tensor:
        """It has no parameters."""
        return no_numbers(numbers)

    def outputs(self, inputs: Tensor, named: Named) -> Tensor:  # noqa: ARG002
        """Values ``(features, samples)``."""
        return self._means(inputs)

    def advance(self, at: Passage, tangents: Tangents, hessian: Tensor) -> Tangents:  # noqa: ARG002
        """Tangents of the outputs; it has no curvature."""
        return tangents.grouped(self.windows.image[0]).map(self._means)

    def _means(self, features: Tensor) -> Tensor:
        # Slice by slice: several times faster than a sum over inner dimensions.
        cut = self.windows.cut(features).flatten(-5, -4)
        height, width = self.windows.kernel
        total, *slices = cut.unbind(-4)
        for each in slices:
            total = total + each
        return total.flatten(-4, -2) / (height * width)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MaximumPool:
    """Maxima over windows.

    Attributes:
        windows: These.
    """

    windows: Windows

    def order(self, numbers: Named) -> Tensor:
        """It has no parameters."""
        return no_numbers(numbers)

    def outputs(self, inputs: Tensor, named: Named) -> Tensor:  # noqa: ARG002
        """Values ``(features, samples)``."""
        return inputs.gather(0, self._places(inputs))

    def advance(self, at: Passage, tangents: Tangents, hessian: Tensor) -> Tangents:  # noqa: ARG002
        """Tangents of the outputs; it has no curvature."""
        places = self._places(at.inputs)
        return tangents.grouped(self.windows.image[0]).map(
            lambda values: values.gather(1, places.expand(values.shape[0], -1, -1))
        )

    def _places(self, inputs: Tensor) -> Tensor:
        """Numbers of the features that win, ``(features, samples)``."""
        channels, height, width = self.windows.image
        _, places = functional.max_pool2d(
            inputs.detach().T.unflatten(1, self.windows.image),
            self.windows.kernel,
            self.windows.stride,
            self.windows.padding,
            return_indices=True,
        )
        first = torch.arange(channels, device=inputs.device) * (height * width)
        return (places + first[:, None, None]).flatten(1).T


def no_numbers(numbers: Named) -> Tensor:
    """The order of no parameters."""
    return next(iter(numbers.values())).new_empty(0)


def named_flat(at: Passage, name: str) -> Tensor:
    """A parameter as a matrix of ``(outputs, inputs)``."""
    return at.named[name].flatten(1)
