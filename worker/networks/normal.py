"""Values of mean zero and variance one, whose second derivatives are at hand.

PyTorch's own take directions of a formed Hessian one by one, and more passes over
memory. With ``y = r (x - mean x)``, ``r`` the inverse deviation, a slope ``s`` by ``y``
is ``q = r (s - mean s - y mean(s y))`` by ``x``. That map is symmetric in ``s``, and
``v.q`` has the derivative ``-r (y mean(v q) + q mean(v y) + w mean(s y))`` by ``x``,
where ``w`` is made of ``v`` as ``q`` is of ``s``.
"""

import copy
from typing import Any, cast, final

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override


@final
class Normal(nn.Module):
    """Normalises over the last dimension."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Values like ``x``."""
        return functional.layer_norm(x, x.shape[-1:], eps=self.eps)


@final
class CurvedNormal(nn.Module):
    """The same, for graphs that are kept."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Values like ``x``."""
        return _Values.apply(x, self.eps)[0]


@final
class CurvedLayerNorm(nn.LayerNorm):
    """A layer norm, for graphs that are kept."""

    @classmethod
    def of(cls, layer: nn.LayerNorm) -> "CurvedLayerNorm":
        """The layer with the same parameters."""
        curved = copy.copy(layer)
        curved.__class__ = cls
        return cast("CurvedLayerNorm", curved)

    @override
    def forward(self, input: Tensor) -> Tensor:
        """Normalises the trailing dimensions."""
        flat = input.flatten(-len(self.normalized_shape))
        normal = _Values.apply(flat, self.eps)[0].view_as(input)
        if self.weight is None:
            return normal
        if self.bias is None:
            return normal * self.weight
        return torch.addcmul(self.bias, normal, self.weight)


@final
class _Values(torch.autograd.Function):
    """``y`` and ``r``."""

    @staticmethod
    @override
    def forward(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        variance, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
        scale = (variance + eps).rsqrt()
        return (x - mean) * scale, scale

    @staticmethod
    @override
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(inputs[0], *output)

    @staticmethod
    @override
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        x, y, scale = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _Slope.apply(slopes[0], x, y, scale)[0], None
        return _pulled(slopes[0], y, scale)[0], None

    @staticmethod
    @override
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        return _Values.apply(args[0].movedim(in_dims[0], 0), args[1]), (0, 0)


@final
class _Slope(torch.autograd.Function):
    """``q`` and ``mean(s y)``."""

    @staticmethod
    @override
    def forward(
        slope: Tensor,
        x: Tensor,
        y: Tensor,
        scale: Tensor,
    ) -> tuple[Tensor, Tensor]:
        return _pulled(slope, y, scale)

    @staticmethod
    @override
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs[2:], *output)

    @staticmethod
    @override
    def backward(ctx: Any, *vectors: Tensor | None) -> tuple[Tensor | None, ...]:
        vector = vectors[0]
        if vector is None:
            return None, None, None, None
        y, scale, pulled, share = ctx.saved_tensors
        again, along = _pulled(vector, y, scale)
        bend = y * _mean(vector * pulled) + pulled * along + again * share
        return again, -scale * bend, None, None


def _pulled(slope: Tensor, y: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    share = _mean(slope * y)
    return scale * (slope - _mean(slope) - y * share), share


def _mean(values: Tensor) -> Tensor:
    return values.sum(-1, keepdim=True) / values.shape[-1]
