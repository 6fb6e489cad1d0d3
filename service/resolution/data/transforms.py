"""What transforms make of samples, and whether they apply."""

import dataclasses
import math
from collections.abc import Sequence

from service.resolution.data.samples import Labels, Samples
from service.resolution.findings import Findings, Location
from service.schemas.datasets import (
    CenterTransform,
    CropTransform,
    FlattenTransform,
    OneHotTransform,
    PcaTransform,
    PermuteLabelsTransform,
    ResizeTransform,
    StandardizeTransform,
    SubsetTransform,
    Transform,
)

_IMAGE_RANK = 2


def transformed(
    samples: Samples, transforms: Sequence[Transform], at: Location, findings: Findings
) -> Samples | None:
    """Samples after transforms, in order.

    Args:
        samples: Before them.
        transforms: What is done.
        at: Where the transforms stand in the request.
        findings: Where one that does not apply is noted; the next ones are not checked.

    Returns:
        What is known after them, or ``None`` if one does not apply.
    """
    current: Samples | None = samples
    for number, transform in enumerate(transforms):
        current = _after(transform, current, at / number, findings)
        if current is None:
            return None
    return current


def _after(
    transform: Transform, samples: Samples, at: Location, findings: Findings
) -> Samples | None:
    match transform:
        case CropTransform() | ResizeTransform():
            after = _scaled(transform, samples, at, findings)
        case PcaTransform():
            after = _projected(transform, samples, at, findings)
        case SubsetTransform():
            after = _chosen(transform, samples, at, findings)
        case PermuteLabelsTransform():
            after = _permuted(samples, at, findings)
        case OneHotTransform():
            after = _one_hot(transform, samples, at, findings)
        case FlattenTransform():
            after = dataclasses.replace(samples, shape=(math.prod(samples.shape),))
        case StandardizeTransform() | CenterTransform():
            after = dataclasses.replace(samples, integers=None)
    return after


def _scaled(
    transform: CropTransform | ResizeTransform,
    samples: Samples,
    at: Location,
    findings: Findings,
) -> Samples | None:
    *channels, height, width = (0, *samples.shape)
    if len(samples.shape) < _IMAGE_RANK:
        findings.add(
            at / "kind",
            "transform_does_not_apply",
            f"Inputs of shape {list(samples.shape)} are not images.",
        )
        return None
    size = transform.size
    if isinstance(transform, CropTransform) and size > min(height, width):
        code, detail = "crop_too_large", f"Images have {height} x {width} pixels."
    elif isinstance(transform, ResizeTransform) and (height % size or width % size):
        code = "resize_does_not_divide"
        detail = f"Images of {height} x {width} have no equal blocks for that size."
    else:
        shape = (*channels[1:], size, size)
        kept = samples.integers if isinstance(transform, CropTransform) else None
        return dataclasses.replace(samples, shape=shape, integers=kept)
    findings.add(at / "size", code, detail)
    return None


def _projected(
    transform: PcaTransform, samples: Samples, at: Location, findings: Findings
) -> Samples | None:
    most = min(samples.count, math.prod(samples.shape))
    if transform.components > most:
        findings.add(
            at / "components", "too_many_components", f"There are at most {most}."
        )
        return None
    return dataclasses.replace(samples, shape=(transform.components,), integers=None)


def _chosen(
    transform: SubsetTransform, samples: Samples, at: Location, findings: Findings
) -> Samples | None:
    if transform.classes is not None:
        labels = samples.labels
        if labels is None or labels.shape:
            findings.add(
                at / "classes",
                "transform_does_not_apply",
                "The data set has no integer classes, one for each sample.",
            )
            return None
        code = _class_trouble(transform.classes, labels)
        if code is not None:
            findings.add(
                at / "classes",
                code,
                f"Distinct classes from {labels.low} to {labels.high} can be kept.",
            )
            return None
        samples = _of_classes(transform.classes, labels, samples)
    if transform.count is None:
        return samples
    if transform.count > samples.count:
        findings.add(
            at / "count", "subset_too_large", f"There are {samples.count} samples."
        )
        return None
    labels = samples.labels and dataclasses.replace(samples.labels, counts=None)
    return dataclasses.replace(samples, count=transform.count, labels=labels)


def _class_trouble(classes: Sequence[int], labels: Labels) -> str | None:
    if len(set(classes)) < len(classes):
        return "class_repeated"
    if min(classes) < labels.low or max(classes) > labels.high:
        return "class_not_found"
    return None


def _of_classes(classes: Sequence[int], labels: Labels, samples: Samples) -> Samples:
    counts = labels.counts and tuple(labels.counts[number] for number in classes)
    return dataclasses.replace(
        samples,
        count=sum(counts) if counts else samples.count,
        labels=Labels(low=0, high=len(classes) - 1, counts=counts),
    )


def _permuted(samples: Samples, at: Location, findings: Findings) -> Samples | None:
    if not samples.autoencoder:
        return samples
    findings.add(
        at / "kind",
        "transform_does_not_apply",
        "The inputs are the targets: there is nothing to permute.",
    )
    return None


def _one_hot(
    transform: OneHotTransform, samples: Samples, at: Location, findings: Findings
) -> Samples | None:
    labels = samples.labels
    if samples.autoencoder or labels is None or labels.shape:
        findings.add(
            at / "kind",
            "transform_does_not_apply",
            "The targets are not integer classes, one for each sample.",
        )
        return None
    if labels.low < 0 or labels.high >= transform.classes:
        findings.add(
            at / "classes",
            "target_out_of_range",
            f"The targets range from {labels.low} to {labels.high}.",
        )
        return None
    return dataclasses.replace(samples, labels=None, values=(transform.classes,))
