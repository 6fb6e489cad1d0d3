from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from torch import Tensor

from worker.datasets import transforms
from worker.datasets.samples import Samples
from worker.errors import RunError


def draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def labelled(x: Tensor, labels: list[int]) -> Samples:
    return Samples(x=x, y=torch.tensor(labels), autoencoder=False)


def auto(x: Tensor) -> Samples:
    return Samples(x=x, y=None, autoencoder=True)


@given(height=st.integers(1, 9), width=st.integers(1, 9), size=st.integers(1, 9))
def test_crop_keeps_the_centre(height: int, width: int, size: int) -> None:
    x = draw(2, 1, height, width)
    if size > min(height, width):
        with pytest.raises(RunError, match="cannot be cropped"):
            transforms.crop(auto(x), size=size)
        return
    cropped = transforms.crop(auto(x), size=size).x
    above = (height - size) // 2
    left = (width - size) // 2
    assert cropped.shape == (2, 1, size, size)
    assert torch.equal(cropped[:, :, 0, 0], x[:, :, above, left])
    assert height - size - above - above in {0, 1}


@given(block=st.integers(1, 4), wide=st.integers(1, 4), size=st.integers(1, 4))
def test_resize_takes_block_means(block: int, wide: int, size: int) -> None:
    x = draw(3, 2, size * block, size * wide)
    resized = transforms.resize(auto(x), size=size).x
    expected = torch.nn.functional.avg_pool2d(x, (block, wide))
    torch.testing.assert_close(resized, expected)


def test_resize_needs_equal_blocks_and_images() -> None:
    with pytest.raises(RunError, match="equal blocks"):
        transforms.resize(auto(draw(2, 1, 8, 8)), size=3)
    with pytest.raises(RunError, match="not images"):
        transforms.resize(auto(draw(2, 8)), size=2)


def test_standardize_gives_zero_mean_and_unit_population_variance() -> None:
    x = draw(50, 2, 3) * 7 + 3
    x[:, 1, 2] = 0.1  # its mean is not 0.1 in floating point
    z = transforms.standardize(auto(x)).x
    assert z[:, 1, 2].abs().max() == 0.0
    z[:, 1, 2] = z[:, 0, 0]
    torch.testing.assert_close(z.mean(0), torch.zeros(2, 3).double())
    torch.testing.assert_close(z.var(0, correction=0), torch.ones(2, 3).double())


def test_center_keeps_the_scale() -> None:
    x = draw(50, 4) + 3
    z = transforms.center(auto(x)).x
    torch.testing.assert_close(z.mean(0), torch.zeros(4).double())
    torch.testing.assert_close(z.var(0), x.var(0))


@pytest.mark.parametrize("shape", [(40, 2, 3), (5, 8)])
def test_pca_diagonalises_the_covariance(shape: tuple[int, ...]) -> None:
    x = draw(*shape)
    flat = x.flatten(1).numpy()
    variances = np.linalg.eigvalsh(np.cov(flat.T, bias=True))[::-1][:3].copy()
    z = transforms.pca(auto(x), components=3).x
    torch.testing.assert_close(
        z.T.cov(correction=0), torch.from_numpy(variances).diag()
    )
    white = transforms.pca(auto(x), components=3, whiten=True).x
    torch.testing.assert_close(white.T.cov(correction=0), torch.eye(3).double())
    flipped = transforms.pca(auto(-x), components=3).x
    torch.testing.assert_close(flipped, -z)


def test_pca_of_too_many_or_void_components() -> None:
    with pytest.raises(RunError, match="at most 4"):
        transforms.pca(auto(draw(9, 4)), components=5)
    flat = draw(9, 1) * torch.tensor([[1.0, 2.0, -1.0]])
    white = transforms.pca(auto(flat), components=3, whiten=True).x
    torch.testing.assert_close(white[:, 0].square().mean().item(), 1.0)
    assert white[:, 1:].abs().max() == 0.0


def test_subset_of_classes_relabels_in_the_order_given() -> None:
    samples = labelled(torch.arange(6.0).double()[:, None], [3, 1, 2, 3, 0, 1])
    kept = transforms.subset(samples, classes=[3, 1])
    assert kept.x[:, 0].tolist() == [0.0, 1.0, 3.0, 5.0]
    assert kept.labels.tolist() == [0, 1, 0, 1]


def test_subset_draws_without_replacement_from_its_seed() -> None:
    samples = labelled(torch.arange(100.0).double()[:, None], list(range(100)))
    kept = transforms.subset(samples, count=60, seed=5)
    rows = kept.x[:, 0].long()
    assert rows.unique().numel() == 60
    assert torch.equal(rows, kept.labels)
    again = transforms.subset(samples, count=60, seed=5)
    other = transforms.subset(samples, count=60, seed=6)
    assert torch.equal(kept.x, again.x)
    assert not torch.equal(kept.x, other.x)


def test_subset_of_an_autoencoder_goes_by_its_labels() -> None:
    samples = Samples(x=draw(4, 2), y=torch.tensor([0, 1, 0, 1]), autoencoder=True)
    data = transforms.subset(samples, classes=[1]).finish()
    assert torch.equal(data.y, samples.x[[1, 3]])


def test_permute_labels_moves_targets_and_nothing_else() -> None:
    samples = labelled(draw(30, 2), list(range(30)))
    permuted = transforms.permute_labels(samples, seed=1)
    assert torch.equal(permuted.x, samples.x)
    assert not torch.equal(permuted.labels, samples.labels)
    assert torch.equal(permuted.labels.sort().values, samples.labels)


def test_one_hot_rows() -> None:
    data = transforms.one_hot(labelled(draw(3, 2), [2, 0, 1]), classes=3).finish()
    assert data.y.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    assert data.y.is_floating_point()


def test_flatten_makes_vectors() -> None:
    assert transforms.flatten(auto(draw(3, 1, 2, 4))).x.shape == (3, 8)


LABELLED = labelled(draw(3, 2), [2, 0, 1])
MISFITS: dict[str, Callable[[], object]] = {
    "from 0 to 1": lambda: transforms.one_hot(LABELLED, classes=2),
    "one_hot needs": lambda: transforms.one_hot(
        labelled(draw(2, 2), [-1, 0]), classes=2
    ),
    "integer classes": lambda: transforms.one_hot(auto(draw(2, 2)), classes=2),
    "asked of 3": lambda: transforms.subset(LABELLED, count=4),
    "listed twice": lambda: transforms.subset(LABELLED, classes=[1, 1]),
    "no sample": lambda: transforms.subset(LABELLED, classes=[7]),
    "targets of their own": lambda: transforms.permute_labels(auto(draw(2, 2))),
    "no targets": lambda: Samples(x=draw(2, 2), y=None, autoencoder=False).finish(),
    "inputs of shape": lambda: auto(draw(4)),
    "not finite": lambda: auto(torch.full((2, 1), float("inf"))),
}


@pytest.mark.parametrize("message", list(MISFITS))
def test_misfits_are_refused(message: str) -> None:
    with pytest.raises(RunError, match=message) as caught:
        MISFITS[message]()
    assert caught.value.code == "dataset_invalid"
