"""Networks whose layers have their second derivatives at hand.

Automatic differentiation works out the second derivative of an activation anew in every
Hessian product, in many passes over memory. Here both derivatives are kept with the
graph, and a product multiplies by them. Affine maps, norms and softmax bring their own.
"""

import copy
from typing import Any, final

import torch
from torch import Tensor, nn
from typing_extensions import override

from worker.networks.activations import ACTIVATIONS, Activation, activation_name
from worker.networks.affine import Affine, CurvedAffine, CurvedLinear
from worker.networks.normal import CurvedLayerNorm, CurvedNormal, Normal
from worker.networks.softmax import CurvedSoftmax, Softmax


def with_curvature(module: nn.Module) -> nn.Module:
    """A copy of a network, for many Hessian products at one point."""
    if (curved := _curved(module)) is not None:
        return curved
    changed = copy.deepcopy(module)
    for name, child in list(changed.named_modules(remove_duplicate=False)):
        if (curved := _curved(child)) is not None:
            changed.set_submodule(name, curved)
    return changed


def _curved(module: nn.Module) -> nn.Module | None:
    match module:
        case Affine():
            return CurvedAffine()
        case nn.Linear():
            return CurvedLinear.of(module)
        case Softmax() | nn.Softmax(dim=-1):
            return CurvedSoftmax()
        case Normal():
            return CurvedNormal(module.eps)
        case nn.LayerNorm():
            return CurvedLayerNorm.of(module)
        case _:
            return _curved_activation(module)


def _curved_activation(module: nn.Module) -> nn.Module | None:
    name = activation_name(module)
    if name is None or not ACTIVATIONS[name].bends:
        return None
    return Curved(ACTIVATIONS[name])


@final
class Curved(nn.Module):
    """An activation that keeps its derivatives for the passes backward."""

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation

    @override
    def forward(self, z: Tensor) -> Tensor:
        """Values like ``z``."""
        value, _, _ = _Value.apply(z, self.activation)
        return value


@final
class _Value(torch.autograd.Function):
    """Values, and the first and second derivatives behind them."""

    @staticmethod
    @override
    def forward(z: Tensor, activation: Activation) -> tuple[Tensor, Tensor, Tensor]:
        return activation.module()(z), *activation.derivatives(z)

    @staticmethod
    @override
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        _, first, second = output
        ctx.mark_non_differentiable(first, second)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs[0], first, second)

    @staticmethod
    @override
    def backward(ctx: Any, *slopes: Tensor | None) -> tuple[Tensor | None, None]:
        slope = slopes[0]
        if slope is None:
            return None, None
        z, first, second = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _Slope.apply(slope, z, first, second)[0], None
        return slope * first, None

    @staticmethod
    @override
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        return _Value.apply(*args), (in_dims[0],) * 3


@final
class _Slope(torch.autograd.Function):
    """A slope pulled back through an activation, and the curvature behind it."""

    @staticmethod
    @override
    def forward(
        slope: Tensor, z: Tensor, first: Tensor, second: Tensor
    ) -> tuple[Tensor, Tensor]:
        return slope * first, slope * second

    @staticmethod
    @override
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs[2], output[1])

    @staticmethod
    @override
    def backward(ctx: Any, *vectors: Tensor | None) -> tuple[Tensor | None, ...]:
        vector = vectors[0]
        if vector is None:
            return None, None, None, None
        first, bend = ctx.saved_tensors
        return vector * first, vector * bend, None, None
