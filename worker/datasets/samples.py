"""The data set that an objective sees, and the samples it is made from."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.errors import RunError


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Inputs and targets, samples first.

    Attributes:
        x: Inputs, ``(n, ...)``.
        y: Targets, ``(n, ...)``; integer classes are int64.
    """

    x: Tensor
    y: Tensor


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Samples on their way through the transforms, in float64.

    Attributes:
        x: Inputs, ``(n, ...)``.
        y: Targets or, for an autoencoder, labels that subsets are drawn by; None where
            there are none.
        autoencoder: Whether the transformed inputs will be the targets.
    """

    x: Tensor
    y: Tensor | None
    autoencoder: bool

    def __post_init__(self) -> None:
        """Checks what every later step relies on.

        Raises:
            RunError: If there are no samples, entries that are not finite or targets of
                another number (``dataset_invalid``).
        """
        if self.x.numel() == 0 or not self.x.shape[1:]:
            raise RunError("dataset_invalid", f"inputs of shape {list(self.x.shape)}")
        if self.y is not None and self.y.shape[:1] != self.x.shape[:1]:
            message = f"{self.x.shape[0]} inputs, targets of {list(self.y.shape)}"
            raise RunError("dataset_invalid", message)
        for name, tensor in (("inputs", self.x), ("targets", self.y)):
            if tensor is not None and not tensor.isfinite().all():
                message = f"{name} have entries that are not finite"
                raise RunError("dataset_invalid", message)

    @property
    def labels(self) -> Tensor:
        """Integer classes, ``(n,)``.

        Raises:
            RunError: If the samples have none (``dataset_invalid``).
        """
        if self.y is None or self.y.is_floating_point() or self.y.ndim != 1:
            message = "a transform needs integer classes, one for each sample"
            raise RunError("dataset_invalid", message)
        return self.y

    def finish(self, dtype: torch.dtype = torch.float64) -> Dataset:
        """The data set in the given precision.

        Args:
            dtype: Precision of inputs and of targets that are not integers.

        Returns:
            Inputs and targets; integer classes stay int64.

        Raises:
            RunError: If there are no targets or entries too large for the precision
                (``dataset_invalid``).
        """
        y = self.x if self.autoencoder else self.y
        if y is None:
            raise RunError("dataset_invalid", "the data set has no targets")
        x = self.x.to(dtype)
        y = y.to(dtype) if y.is_floating_point() else y
        if not x.isfinite().all() or not y.isfinite().all():
            raise RunError("dataset_invalid", f"entries too large for {dtype}")
        return Dataset(x=x.contiguous(), y=x if self.autoencoder else y.contiguous())
