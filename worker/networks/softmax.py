"""A softmax whose second derivatives are at hand.

PyTorch's own take directions of a formed Hessian one by one, and more passes over
memory.
"""

from typing import Any, final

import torch
from torch import Tensor, nn
from typing_extensions import override


@final
class Softmax(nn.Module):
    """Over the last dimension."""

    @override
    def forward(self, scores: Tensor) -> Tensor:
        """Shares like the scores."""
        return scores.softmax(-1)


@final
class CurvedSoftmax(nn.Module):
    """The same, for graphs that are kept."""

    @override
    def forward(self, scores: Tensor) -> Tensor:
        """Shares like the scores."""
        return _Shares.apply(scores)


@final
class _Shares(torch.autograd.Function):
    """``p``, from scores ``z``."""

    @staticmethod
    @override
    def forward(scores: Tensor) -> Tensor:
        return scores.softmax(-1)

    @staticmethod
    @override
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    @override
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        (shares,) = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _Slope.apply(slopes[0], shares)[0]
        return shares * _centred(slopes[0], shares)

    @staticmethod
    @override
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        return _Shares.apply(args[0].movedim(in_dims[0], 0)), 0


@final
class _Slope(torch.autograd.Function):
    """``p (s - p.s)``, and ``s - p.s``, from slopes ``s`` by the shares."""

    @staticmethod
    @override
    def forward(slope: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        centred = _centred(slope, shares)
        return shares * centred, centred

    @staticmethod
    @override
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs[0], inputs[1], output[1])

    @staticmethod
    @override
    def backward(ctx: Any, *vectors: Tensor | None) -> tuple[Tensor | None, ...]:
        vector = vectors[0]
        if vector is None:
            return None, None
        slope, shares, centred = ctx.saved_tensors
        mean = (vector * shares).sum(-1, keepdim=True)
        return shares * (vector - mean), vector * centred - mean * slope


def _centred(slope: Tensor, shares: Tensor) -> Tensor:
    return slope - (shares * slope).sum(-1, keepdim=True)
