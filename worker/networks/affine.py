"""Affine maps of many vectors: those of every position of a sequence.

Automatic differentiation makes products of many short rows with a small matrix, which
are slow where their transposes are not, and adds them up in passes of their own. Here
values and derivatives lie feature by feature in memory, and are added up in the
products. That serves Hessian products; what fewer derivatives are needed for is left to
PyTorch.
"""

import copy
from typing import Any, cast, final

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

_ONE_VECTOR = 2  # dimensions of samples of one vector each


@final
class Affine(nn.Module):
    """An affine map whose weight and bias are those of another module."""

    @override
    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Outputs ``(..., outputs)`` of ``(..., inputs)``."""
        return functional.linear(x, weight, bias)


@final
class CurvedAffine(nn.Module):
    """The same, for graphs that are kept."""

    @override
    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Outputs ``(..., outputs)`` of ``(..., inputs)``."""
        return _affine(x, weight, bias)


@final
class CurvedLinear(nn.Linear):
    """A linear layer, for graphs that are kept."""

    @classmethod
    def of(cls, layer: nn.Linear) -> "CurvedLinear":
        """The layer with the same parameters."""
        curved = copy.copy(layer)
        curved.__class__ = cls
        return cast("CurvedLinear", curved)

    @override
    def forward(self, input: Tensor) -> Tensor:
        """Outputs ``(..., outputs)`` of ``(..., inputs)``."""
        return _affine(input, self.weight, self.bias)


def _affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if x.ndim <= _ONE_VECTOR:
        return functional.linear(x, weight, bias)
    outputs = _Outputs.apply(x.flatten(0, -2), weight, bias)
    return outputs.unflatten(0, x.shape[:-1])


@final
class _Outputs(torch.autograd.Function):
    """``x W^T + b`` of vectors ``(vectors, inputs)``, or those of every run."""

    @staticmethod
    @override
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return _outputs(x, weight, bias)

    @staticmethod
    @override
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(inputs[0], inputs[1])

    @staticmethod
    @override
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of = _Slopes.apply if torch.is_grad_enabled() else _slopes
        return of(slopes[0], x, weight, ctx.needs_input_grad)

    @staticmethod
    @override
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        stacked = [
            arg
            if arg is None
            else arg.expand(info.batch_size, *arg.shape)
            if dim is None
            else arg.movedim(dim, 0)
            for arg, dim in zip(args, in_dims, strict=True)
        ]
        return _Outputs.apply(*stacked), 0


@final
class _Slopes(torch.autograd.Function):
    """Slopes by ``x``, ``W`` and ``b``, of those by the outputs."""

    @staticmethod
    @override
    def forward(
        slope: Tensor, x: Tensor, weight: Tensor, needed: tuple[bool, bool, bool]
    ) -> tuple[Tensor | None, ...]:
        return _slopes(slope, x, weight, needed)

    @staticmethod
    @override
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs[:3])

    @staticmethod
    @override
    def backward(ctx: Any, *vectors: Tensor | None) -> tuple[Tensor | None, ...]:
        slope, x, weight = ctx.saved_tensors
        by_x, by_weight, by_bias = vectors
        along = None if by_bias is None else by_bias[..., None, :].expand_as(slope)
        if by_weight is not None:
            along = _outputs(x, by_weight, by_bias)
        if by_x is not None:
            along = _sum(along, by_x, weight)
        _, needs_x, needs_weight, _ = ctx.needs_input_grad
        return (
            along,
            _inputs(slope, by_weight) if needs_x and by_weight is not None else None,
            _weight(slope, by_x) if needs_weight and by_x is not None else None,
            None,
        )


def _slopes(
    slope: Tensor, x: Tensor, weight: Tensor, needed: tuple[bool, bool, bool]
) -> tuple[Tensor | None, ...]:
    return (
        _inputs(slope, weight) if needed[0] else None,
        _weight(slope, x) if needed[1] else None,
        slope.sum(-2) if needed[2] else None,
    )


def _outputs(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``x W^T + b``."""
    return _sum(None if bias is None else bias[..., None, :], x, weight)


def _inputs(slope: Tensor, weight: Tensor) -> Tensor:
    """``s W``."""
    return _product(weight.mT, slope.mT).mT


def _weight(slope: Tensor, x: Tensor) -> Tensor:
    """``s^T x``, the longer side last."""
    if slope.shape[-1] <= x.shape[-1]:
        return _product(slope.mT, x)
    return _product(x.mT, slope).mT


def _sum(term: Tensor | None, x: Tensor, weight: Tensor) -> Tensor:
    """``x W^T``, added to a term."""
    product = _product(weight, x.mT).mT
    return product if term is None else product.add_(term)


def _product(left: Tensor, right: Tensor) -> Tensor:
    # `matmul` would take directions of a formed Hessian one by one.
    return (torch.mm if left.ndim == _ONE_VECTOR else torch.bmm)(left, right)
