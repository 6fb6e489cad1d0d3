"""Sources of samples: uploaded files, shipped images, Gaussian draws."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from worker.datasets.samples import Samples
from worker.errors import RunError

_BUILTIN = Path(__file__).parent / "builtin"
_SCALES = {"digits": 16.0, "mnist_5k": 255.0, "fashion_mnist_5k": 255.0}


def read_file(path: Path, *, input: str = "x", target: str = "y") -> Samples:  # noqa: A002
    """Samples of a safetensors file.

    Args:
        path: The file.
        input: Name of the tensor of inputs; integers are cast, not scaled.
        target: Name of the tensor of targets; the input's own makes an autoencoder.

    Returns:
        The samples; integer targets are classes.
    """
    x = _tensors(path, input)[0]
    if target == input:
        return Samples(x=x.to(torch.float64), y=None, autoencoder=True)
    (y,) = _tensors(path, target)
    whole = not y.is_floating_point()
    return Samples(
        x=x.to(torch.float64),
        y=y.to(torch.int64 if whole else torch.float64),
        autoencoder=False,
    )


def builtin(
    name: str,
    *,
    input: str = "images",  # noqa: A002
    target: str = "labels",
) -> Samples:
    """Real images ``(n, 1, height, width)`` and their classes.

    Args:
        name: ``digits``, ``mnist_5k`` or ``fashion_mnist_5k``.
        input: ``images`` in [0, 1], or ``levels``: their grey levels as integers.
        target: ``labels``, or ``images`` for an autoencoder.

    Returns:
        The samples; an autoencoder's keep their classes for subsets.
    """
    images, labels = _tensors(_BUILTIN / f"{name}.safetensors", "images", "labels")
    levels = images.to(torch.float64).unsqueeze(1)
    return Samples(
        x=levels if input == "levels" else levels / _SCALES[name],
        y=labels,
        autoencoder=target == "images",
    )


def gaussian(*, samples: int, variances: Tensor, generator: torch.Generator) -> Samples:
    """Independent Gaussian samples with a diagonal covariance: an autoencoder's data.

    Args:
        samples: Number of samples.
        variances: Of the features, ``(k,)``.
        generator: Where the draws come from.

    Returns:
        Samples ``(samples, k)``.
    """
    draws = torch.randn(
        samples, variances.shape[0], generator=generator, dtype=torch.float64
    )
    return Samples(x=draws * variances.sqrt(), y=None, autoencoder=True)


def linspace_variances(features: int, *, low: float, high: float) -> Tensor:
    """Evenly spaced variances, ``(features,)``."""
    return torch.linspace(low, high, features, dtype=torch.float64)


def diagonal_variances(values: Sequence[float], *, features: int) -> Tensor:
    """Variances given one by one, ``(features,)``.

    Args:
        values: The variances.
        features: Number of features.

    Returns:
        The same as a tensor.

    Raises:
        RunError: If there is not one for each feature (``dataset_invalid``).
    """
    if len(values) != features:
        message = f"{len(values)} variances for {features} features"
        raise RunError("dataset_invalid", message)
    return torch.tensor(values, dtype=torch.float64)


def _tensors(path: Path, *names: str) -> list[Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return [file.get_tensor(name) for name in names]
    except (SafetensorError, OSError) as error:
        raise RunError("dataset_invalid", f"unreadable data set: {error}") from error
