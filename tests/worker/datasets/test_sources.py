from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from worker.datasets.randomness import generator
from worker.datasets.sources import (
    builtin,
    diagonal_variances,
    gaussian,
    linspace_variances,
    read_file,
)
from worker.errors import RunError


@pytest.mark.parametrize(
    ("name", "count", "side"),
    [("digits", 1797, 8), ("mnist_5k", 5000, 28), ("fashion_mnist_5k", 5000, 28)],
)
def test_builtin_images_are_scaled(name: str, count: int, side: int) -> None:
    samples = builtin(name)
    assert samples.x.shape == (count, 1, side, side)
    assert (samples.x.min(), samples.x.max()) == (0.0, 1.0)
    assert samples.labels.unique().tolist() == list(range(10))
    data = builtin(name, target="images").finish(torch.float32)
    assert data.x is data.y
    assert data.x.dtype == torch.float32


def test_files_are_cast_and_not_scaled(tmp_path: Path) -> None:
    file = tmp_path / "d.safetensors"
    x = torch.tensor([[0, 255], [7, 9]], dtype=torch.uint8)
    save_file({"x": x, "y": torch.tensor([1, 0], dtype=torch.uint8)}, file)
    data = read_file(file).finish(torch.float32)
    assert data.x.tolist() == [[0.0, 255.0], [7.0, 9.0]]
    assert data.x.dtype == torch.float32
    assert data.y.dtype == torch.int64
    same = read_file(file, target="x").finish()
    assert same.y is same.x
    assert same.x.dtype == torch.float64


def test_bad_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "d.safetensors"
    nan = torch.tensor([[1.0], [float("nan")]])
    save_file({"x": torch.ones(2, 1), "y": torch.ones(3, 1), "nan": nan}, file)
    with pytest.raises(RunError, match="2 inputs") as caught:
        read_file(file)
    assert caught.value.code == "dataset_invalid"
    with pytest.raises(RunError, match="targets have entries that are not finite"):
        read_file(file, target="nan")
    with pytest.raises(RunError, match="unreadable"):
        read_file(file, input="z")
    with pytest.raises(RunError, match="unreadable"):
        read_file(tmp_path / "absent")
    big = tmp_path / "big"
    save_file({"x": torch.full((2, 1), 1e300, dtype=torch.float64)}, big)
    samples = read_file(big, target="x")
    with pytest.raises(RunError, match="too large"):
        samples.finish(torch.float32)


def test_gaussian_samples_have_their_covariance() -> None:
    variances = linspace_variances(4, low=1.0, high=4.0)
    assert variances.tolist() == [1.0, 2.0, 3.0, 4.0]
    stream = generator(0, "dataset")
    samples = gaussian(samples=50_000, variances=variances, generator=stream)
    assert samples.autoencoder
    covariance = samples.x.T.cov()
    # Entries have standard errors below 4 * sqrt(2 / 50,000).
    torch.testing.assert_close(covariance, variances.diag(), rtol=0.0, atol=0.13)
    assert diagonal_variances([2.0], features=1).tolist() == [2.0]
    with pytest.raises(RunError, match="1 variances for 2 features"):
        diagonal_variances([2.0], features=2)
