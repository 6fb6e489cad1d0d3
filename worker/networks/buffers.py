"""Tensors of a network that are no parameters: the statistics of batch norms."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from worker.networks.weights import ParameterLayout


def buffer_layout(module: nn.Module) -> ParameterLayout:
    """Names and shapes of a network's buffers, in the module's order."""
    named = [(name, tuple(each.shape)) for name, each in module.named_buffers()]
    return ParameterLayout(
        names=tuple(n for n, _ in named), shapes=tuple(s for _, s in named)
    )


def with_buffers(module: nn.Module, values: Mapping[str, Tensor]) -> nn.Module:
    """A copy of a network with other values in its buffers.

    Args:
        module: The network, which is left as it is.
        values: By name, of the buffers' shapes.

    Returns:
        The same where there is nothing to change.
    """
    if not values:
        return module
    changed = copy.deepcopy(module)
    for name, value in values.items():
        owner, _, last = name.rpartition(".")
        setattr(changed.get_submodule(owner), last, value)
    return changed


def moved_buffers(
    module: nn.Module, device: torch.device, dtype: torch.dtype
) -> nn.Module:
    """The network with buffers of that precision, there."""
    return with_buffers(
        module,
        {
            name: buffer.to(device, dtype if buffer.is_floating_point() else None)
            for name, buffer in module.named_buffers()
        },
    )
