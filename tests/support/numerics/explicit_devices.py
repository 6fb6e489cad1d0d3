"""Finds tensors that are made on the default device, where there is no other one."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from typing_extensions import override

import worker

_NUMERICS = tuple(
    str(Path(worker.__path__[0], room))
    for room in ("linalg", "objectives", "finders", "classification", "spectra")
)
_ON_THE_CPU = ("analytic.py",)
"""What is computed there whatever the device, and compared as numbers."""

_FACTORIES = frozenset(
    {
        torch.arange,
        torch.as_tensor,
        torch.empty,
        torch.eye,
        torch.full,
        torch.linspace,
        torch.ones,
        torch.rand,
        torch.randint,
        torch.randn,
        torch.randperm,
        torch.tensor,
        torch.zeros,
    }
)


class ExplicitDevices(TorchFunctionMode):
    """Fails where the numerics make a tensor without saying on which device.

    On a machine with one device only, such a tensor looks right. Random draws are made
    on the CPU, so that they are the same everywhere: they name their generator.
    """

    @override
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _FACTORIES and not kwargs.keys() & {"device", "generator"}:
            caller = _caller()
            if caller is not None:
                raise AssertionError(
                    f"torch.{func.__name__} without a device: {caller}"
                )
        if func is torch.Tensor.numpy and _caller() is not None:
            raise AssertionError(f"an array of a tensor: {_caller()}")
        return func(*args, **kwargs)


def _caller() -> str | None:
    """Where the numerics call a function; None if they do not."""
    frame = inspect.currentframe()
    for _ in range(2):
        frame = frame and frame.f_back
    if frame is None:
        return None
    name = frame.f_code.co_filename
    if name.startswith(_NUMERICS) and not name.endswith(_ON_THE_CPU):
        return f"{name}:{frame.f_lineno}"
    return None
