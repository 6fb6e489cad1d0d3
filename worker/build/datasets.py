"""Data sets from their specifications."""

from pathlib import Path

from torch import Tensor

from service.schemas import datasets as d
from worker.build.needs import needed
from worker.datasets import sources, transforms
from worker.datasets.randomness import generator
from worker.datasets.samples import Samples


def samples_of(spec: d.Dataset, path: Path | None, seed: int) -> Samples:
    """Samples after all transforms.

    Args:
        spec: What is asked for.
        path: Uploaded data, where it names them.
        seed: The job's seed, of Gaussian draws.

    Returns:
        The samples.
    """
    match spec:
        case d.FileDataset():
            samples = sources.read_file(
                needed(path), input=spec.input, target=spec.target
            )
        case d.BuiltinDataset():
            samples = sources.builtin(spec.name, input=spec.input, target=spec.target)
        case d.GaussianDataset():
            samples = sources.gaussian(
                samples=spec.samples,
                variances=_variances(spec),
                generator=generator(seed, "dataset"),
            )
    for transform in spec.transforms:
        samples = _transform(transform, samples)
    return samples


def _variances(spec: d.GaussianDataset) -> Tensor:
    match spec.covariance:
        case d.LinspaceCovariance(low=low, high=high):
            return sources.linspace_variances(spec.features, low=low, high=high)
        case d.DiagonalCovariance(values=values):
            return sources.diagonal_variances(values, features=spec.features)


def _transform(  # noqa: PLR0911 - one return for each kind
    spec: d.Transform, samples: Samples
) -> Samples:
    match spec:
        case d.CropTransform():
            return transforms.crop(samples, size=spec.size)
        case d.ResizeTransform():
            return transforms.resize(samples, size=spec.size)
        case d.StandardizeTransform():
            return transforms.standardize(samples)
        case d.CenterTransform():
            return transforms.center(samples)
        case d.PcaTransform():
            return transforms.pca(
                samples, components=spec.components, whiten=spec.whiten
            )
        case d.SubsetTransform():
            return transforms.subset(
                samples, count=spec.count, classes=spec.classes, seed=spec.seed
            )
        case d.PermuteLabelsTransform():
            return transforms.permute_labels(samples, seed=spec.seed)
        case d.OneHotTransform():
            return transforms.one_hot(samples, classes=spec.classes)
        case d.FlattenTransform():
            return transforms.flatten(samples)
