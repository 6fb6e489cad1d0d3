"""Where samples come from: uploaded files, shipped images, Gaussian draws."""

import dataclasses
from collections.abc import Sequence

from service.resolution.data.samples import Integers, Labels, Samples
from service.resolution.findings import Findings, Location
from service.schemas.datasets import (
    BuiltinDataset,
    DiagonalCovariance,
    FileDataset,
    GaussianDataset,
)
from service.schemas.files import TensorSummary

_DIGITS = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)
_FIVE_THOUSAND = (500,) * 10
BUILTIN = {
    "digits": ((1, 8, 8), _DIGITS),
    "mnist_5k": ((1, 28, 28), _FIVE_THOUSAND),
    "fashion_mnist_5k": ((1, 28, 28), _FIVE_THOUSAND),
}
"""Shape of an image and samples of each class, by name."""

WHITE = {"digits": 16, "mnist_5k": 255, "fashion_mnist_5k": 255}
"""The highest grey level, by name."""

_FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
_LEAST_RANK = 2


def builtin_samples(dataset: BuiltinDataset) -> Samples:
    """Images that are shipped with the worker."""
    shape, counts = BUILTIN[dataset.name]
    levels = Integers(low=0, high=WHITE[dataset.name])
    return Samples(
        count=sum(counts),
        shape=shape,
        integers=levels if dataset.input == "levels" else None,
        labels=Labels(low=0, high=len(counts) - 1, counts=counts),
        autoencoder=dataset.target == "images",
    )


def gaussian_samples(
    dataset: GaussianDataset, at: Location, findings: Findings
) -> Samples:
    """Gaussian draws; a covariance of another size is noted."""
    covariance = dataset.covariance
    if (
        isinstance(covariance, DiagonalCovariance)
        and len(covariance.values) != dataset.features
    ):
        findings.add(
            at / "covariance" / "values",
            "wrong_length",
            f"{len(covariance.values)} variances for {dataset.features} features.",
        )
    return Samples(count=dataset.samples, shape=(dataset.features,), autoencoder=True)


def file_samples(
    dataset: FileDataset,
    tensors: Sequence[TensorSummary],
    at: Location,
    findings: Findings,
) -> Samples | None:
    """Samples of an uploaded file.

    Args:
        dataset: Which tensors are meant.
        tensors: Those of the file.
        at: Where the data set stands in the request.
        findings: Where what does not fit is noted.

    Returns:
        What is known of them, or ``None`` if they cannot be used.
    """
    by_name = {tensor.name: tensor for tensor in tensors}
    x = _usable(by_name.get(dataset.input), at / "input", findings)
    if dataset.input == dataset.target:
        y = x
    else:
        y = _usable(by_name.get(dataset.target), at / "target", findings)
    if x is None or y is None:
        return None
    if len(x.shape) < _LEAST_RANK:
        findings.add(
            at / "input",
            "input_shape_invalid",
            "Inputs have at least two dimensions, samples first.",
        )
        return None
    samples = Samples(
        count=x.shape[0],
        shape=tuple(x.shape[1:]),
        integers=_integers(x),
        autoencoder=x is y,
    )
    return samples if x is y else _with_targets(samples, y, at / "target", findings)


def _with_targets(
    samples: Samples, y: TensorSummary, at: Location, findings: Findings
) -> Samples | None:
    if y.shape[:1] != [samples.count]:
        findings.add(
            at,
            "sample_counts_differ",
            f"Targets of shape {y.shape} for {samples.count} inputs.",
        )
        return None
    if y.dtype in _FLOATS:
        return dataclasses.replace(samples, values=tuple(y.shape[1:]))
    classes = _integers(y)
    if classes is None:
        findings.add(at, "target_shape_invalid", "There are no targets.")
        return None
    labels = Labels(low=classes.low, high=classes.high, shape=tuple(y.shape[1:]))
    return dataclasses.replace(samples, labels=labels)


def _integers(tensor: TensorSummary) -> Integers | None:
    """The range of a tensor of integers."""
    if tensor.dtype in _FLOATS or tensor.minimum is None or tensor.maximum is None:
        return None
    return Integers(low=int(tensor.minimum), high=int(tensor.maximum))


def _usable(
    tensor: TensorSummary | None, at: Location, findings: Findings
) -> TensorSummary | None:
    """The tensor, if it is there and finite."""
    if tensor is None:
        findings.add(at, "tensor_not_found", "The file has no tensor of this name.")
        return None
    if not tensor.finite:
        findings.add(
            at, "dataset_not_finite", "The tensor holds values that are not finite."
        )
        return None
    return tensor
