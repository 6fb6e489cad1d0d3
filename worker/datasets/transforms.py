"""Transforms of samples, one function each, in float64 and without hidden state."""

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from worker.datasets.randomness import generator
from worker.datasets.samples import Samples
from worker.errors import RunError

_VOID = 1e-12  # share of the largest deviation that rounding alone could leave


def crop(samples: Samples, *, size: int) -> Samples:
    """Keeps the central ``size`` x ``size`` pixels of each image.

    Where the margin is odd, one pixel more goes at the bottom and the right.

    Args:
        samples: The samples.
        size: Pixels on a side.

    Returns:
        Samples with smaller images.

    Raises:
        RunError: If the inputs are not images or are smaller (``dataset_invalid``).
    """
    height, width = _image_size(samples)
    if size > min(height, width):
        message = f"images of {height} x {width} cannot be cropped to {size}"
        raise RunError("dataset_invalid", message)
    top, left = (height - size) // 2, (width - size) // 2
    x = samples.x[..., top : top + size, left : left + size]
    return dataclasses.replace(samples, x=x)


def resize(samples: Samples, *, size: int) -> Samples:
    """Shrinks each image to ``size`` x ``size`` by means over equal blocks.

    Args:
        samples: The samples.
        size: Pixels on a side.

    Returns:
        Samples with smaller images.

    Raises:
        RunError: If height and width are not multiples of it (``dataset_invalid``).
    """
    height, width = _image_size(samples)
    if height % size or width % size:
        message = f"images of {height} x {width} have no {size} x {size} equal blocks"
        raise RunError("dataset_invalid", message)
    blocks = samples.x.unflatten(-1, (size, -1)).unflatten(-3, (size, -1))
    return dataclasses.replace(samples, x=blocks.mean((-3, -1)))


def center(samples: Samples) -> Samples:
    """Gives every feature zero mean over the data set."""
    return dataclasses.replace(samples, x=samples.x - samples.x.mean(0))


def standardize(samples: Samples) -> Samples:
    """Gives every feature zero mean and unit population variance, or all zeros."""
    x = samples.x - samples.x.mean(0)
    deviation = x.square().mean(0).sqrt()
    constant = samples.x.amax(0) == samples.x.amin(0)
    x = torch.where(constant, 0.0, x / torch.where(constant, 1.0, deviation))
    return dataclasses.replace(samples, x=x)


def pca(samples: Samples, *, components: int, whiten: bool = False) -> Samples:
    """Projects flattened, centred inputs on their leading principal components.

    Each component's sign makes its loading of largest magnitude positive.

    Args:
        samples: The samples.
        components: Number of components.
        whiten: Whether every component is scaled to unit population variance; one
            without variance becomes zero.

    Returns:
        Samples with inputs ``(n, components)``.

    Raises:
        RunError: If there are not so many components (``dataset_invalid``).
    """
    x = samples.x.flatten(1)
    limit = min(x.shape)
    if components > limit:
        message = f"{components} components asked of at most {limit}"
        raise RunError("dataset_invalid", message)
    x = x - x.mean(0)
    loadings = _principal_axes(x)[:components]
    largest = loadings.abs().argmax(1, keepdim=True)
    projected = x @ (loadings * loadings.gather(1, largest).sign()).T
    if whiten:
        deviation = projected.square().mean(0).sqrt()
        void = deviation <= _VOID * deviation[0]
        projected = torch.where(void, 0.0, projected / torch.where(void, 1, deviation))
    return dataclasses.replace(samples, x=projected)


def subset(
    samples: Samples,
    *,
    count: int | None = None,
    classes: Sequence[int] | None = None,
    seed: int = 0,
) -> Samples:
    """Keeps the samples of the given classes, then some of them, in their order.

    Args:
        samples: The samples.
        count: Samples kept, drawn without replacement; None keeps all.
        classes: Classes kept, relabelled 0, 1, ... in the order given; None keeps all.
        seed: Of the draw.

    Returns:
        Fewer samples.

    Raises:
        RunError: If there are too few such samples, or none of a class
            (``dataset_invalid``).
    """
    if classes is not None:
        samples = _keep_classes(samples, classes)
    if count is None:
        return samples
    available = samples.x.shape[0]
    if count > available:
        message = f"a subset of {count} was asked of {available} samples"
        raise RunError("dataset_invalid", message)
    order = torch.randperm(available, generator=generator(seed, "subset"))
    return _take(samples, order[:count].sort().values)


def permute_labels(samples: Samples, *, seed: int = 0) -> Samples:
    """Permutes the targets over the samples.

    Args:
        samples: The samples.
        seed: Of the permutation.

    Returns:
        Samples whose targets say nothing of their inputs.

    Raises:
        RunError: If the targets are the inputs themselves (``dataset_invalid``).
    """
    if samples.autoencoder or samples.y is None:
        raise RunError("dataset_invalid", "permute_labels needs targets of their own")
    stream = generator(seed, "permute_labels")
    order = torch.randperm(samples.y.shape[0], generator=stream)
    return dataclasses.replace(samples, y=samples.y[order])


def one_hot(samples: Samples, *, classes: int) -> Samples:
    """Turns integer targets into rows of zeros with a one, in float64.

    Args:
        samples: The samples.
        classes: Length of a row.

    Returns:
        Samples with targets ``(n, classes)``.

    Raises:
        RunError: If a target is not below ``classes`` (``dataset_invalid``).
    """
    labels = samples.labels
    if samples.autoencoder or labels.min() < 0 or labels.max() >= classes:
        message = f"one_hot needs integer targets from 0 to {classes - 1}"
        raise RunError("dataset_invalid", message)
    y = functional.one_hot(labels, classes).to(samples.x.dtype)
    return dataclasses.replace(samples, y=y)


def flatten(samples: Samples) -> Samples:
    """Flattens every input to a vector."""
    return dataclasses.replace(samples, x=samples.x.flatten(1))


def _principal_axes(x: Tensor) -> Tensor:
    rows, columns = x.shape
    if columns > rows:
        return torch.linalg.svd(x, full_matrices=False).Vh
    return torch.linalg.eigh(x.T @ x).eigenvectors.flip(1).T


def _keep_classes(samples: Samples, classes: Sequence[int]) -> Samples:
    order = torch.tensor(classes)
    if order.unique().numel() < len(classes):
        raise RunError("dataset_invalid", "a class is listed twice")
    matches = samples.labels[:, None] == order
    absent = order[~matches.any(0)].tolist()
    if absent:
        raise RunError("dataset_invalid", f"no sample has any of the classes {absent}")
    relabelled = dataclasses.replace(samples, y=matches.long().argmax(1))
    return _take(relabelled, matches.any(1).nonzero()[:, 0])


def _take(samples: Samples, rows: Tensor) -> Samples:
    y = None if samples.y is None else samples.y[rows]
    return dataclasses.replace(samples, x=samples.x[rows], y=y)


def _image_size(samples: Samples) -> tuple[int, int]:
    _, *shape = samples.x.shape
    match shape:
        case [*_, height, width]:
            return height, width
        case _:
            message = f"inputs of shape {shape} are not images"
            raise RunError("dataset_invalid", message)
