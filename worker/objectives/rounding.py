"""What rounding the parameters does to a gradient ``g`` and to ``H g``."""

import torch
from torch import Tensor

_ROUNDINGS = 4


def gradient_error(hessian_norm: Tensor, theta: Tensor) -> Tensor:
    """Usual error of a gradient.

    Args:
        hessian_norm: ``|H|``, ``(runs,)``.
        theta: Points, ``(runs, parameters)``; their precision is that of the gradient.

    Returns:
        A few ``eps |H| |theta|``, ``(runs,)``.
    """
    eps = torch.finfo(theta.dtype).eps
    return _ROUNDINGS * eps * hessian_norm * theta.norm(dim=1)


def gradient_norm_floor(hessian_norm: Tensor, theta: Tensor) -> Tensor:
    """What rounding the parameters does to ``|g|^2``: ``(eps |H| |theta|)^2``.

    Args:
        hessian_norm: ``|H|``, ``(runs,)``.
        theta: Points in the precision of the job, ``(runs, parameters)``.

    Returns:
        An estimate, ``(runs,)``.
    """
    length = torch.linalg.vector_norm(theta.double(), dim=1)
    return (torch.finfo(theta.dtype).eps * hessian_norm * length) ** 2


def in_kernel(
    gradient: Tensor, image: Tensor, hessian_norm: Tensor, theta: Tensor
) -> Tensor:
    """Whether gradients are in the kernel to rounding, and are no rounding themselves.

    Args:
        gradient: ``g``, ``(runs, parameters)``.
        image: ``H g``, ``(runs, parameters)``.
        hessian_norm: ``|H|``, ``(runs,)``.
        theta: Points, ``(runs, parameters)``.

    Returns:
        Booleans, ``(runs,)``: the shortest Newton step is zero where true.
    """
    error = gradient_error(hessian_norm, theta)
    known = error <= torch.finfo(theta.dtype).eps ** (1 / 3) * gradient.norm(dim=1)
    return known & (image.norm(dim=1) <= hessian_norm * error)
