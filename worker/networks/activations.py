"""Pointwise activations, with the derivatives that the assembled Hessian needs."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

_SOFTPLUS_THRESHOLD = 20.0  # PyTorch's softplus is the identity above it


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """A pointwise function and its derivatives.

    Attributes:
        module: Makes the function as PyTorch defines it.
        derivatives: First and second derivatives at the given arguments.
        smooth: Whether it is twice differentiable everywhere.
        bends: Whether its second derivative is other than zero anywhere.
    """

    module: Callable[[], nn.Module]
    derivatives: Callable[[Tensor], tuple[Tensor, Tensor]]
    smooth: bool = True
    bends: bool = True


def _identity(z: Tensor) -> tuple[Tensor, Tensor]:
    return torch.ones_like(z), torch.zeros_like(z)


def _relu(z: Tensor) -> tuple[Tensor, Tensor]:
    return (z > 0).to(z.dtype), torch.zeros_like(z)


def _leaky_relu(z: Tensor) -> tuple[Tensor, Tensor]:
    return torch.where(z > 0, torch.ones_like(z), 0.01), torch.zeros_like(z)


def _gelu(z: Tensor) -> tuple[Tensor, Tensor]:
    density = torch.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    cumulative = 0.5 * torch.erfc(-z / math.sqrt(2.0))
    return cumulative + z * density, (2.0 - z * z) * density


def _swish(z: Tensor) -> tuple[Tensor, Tensor]:
    s = torch.sigmoid(z)
    slope = s * torch.sigmoid(-z)
    return s + z * slope, slope * (2.0 + z * (1.0 - 2.0 * s))


def _tanh(z: Tensor) -> tuple[Tensor, Tensor]:
    t = torch.tanh(z)
    first = 1.0 - t * t
    return first, -2.0 * t * first


def _sigmoid(z: Tensor) -> tuple[Tensor, Tensor]:
    s = torch.sigmoid(z)
    first = s * torch.sigmoid(-z)
    return first, first * (1.0 - 2.0 * s)


def _softplus(z: Tensor) -> tuple[Tensor, Tensor]:
    linear = z > _SOFTPLUS_THRESHOLD
    second = torch.sigmoid(z) * torch.sigmoid(-z)
    return (
        torch.sigmoid(z).masked_fill(linear, 1.0),
        second.masked_fill(linear, 0.0),
    )


def _elu(z: Tensor) -> tuple[Tensor, Tensor]:
    exponential = torch.exp(z.clamp(max=0.0))
    return exponential, torch.where(z > 0, 0.0, exponential)


ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation(module=nn.Identity, derivatives=_identity, bends=False),
    "relu": Activation(module=nn.ReLU, derivatives=_relu, smooth=False, bends=False),
    "leaky_relu": Activation(
        module=nn.LeakyReLU, derivatives=_leaky_relu, smooth=False, bends=False
    ),
    "gelu": Activation(module=nn.GELU, derivatives=_gelu),
    "swish": Activation(module=nn.SiLU, derivatives=_swish),
    "tanh": Activation(module=nn.Tanh, derivatives=_tanh),
    "sigmoid": Activation(module=nn.Sigmoid, derivatives=_sigmoid),
    "softplus": Activation(module=nn.Softplus, derivatives=_softplus),
    # C1 only: the second derivative jumps from 1 to 0 at zero.
    "elu": Activation(module=nn.ELU, derivatives=_elu, smooth=False),
}


def activation(name: str) -> nn.Module:
    """The activation of that name, as PyTorch defines it with its default constants."""
    return ACTIVATIONS[name].module()


def activation_name(module: nn.Module) -> str | None:
    """The name of an activation made by ``activation``; None for other modules."""
    for name, entry in ACTIVATIONS.items():
        # Their texts tell their constants, too.
        if type(module) is entry.module and repr(module) == repr(entry.module()):
            return name
    return None
