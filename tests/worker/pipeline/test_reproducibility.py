from pathlib import Path

import pytest
import torch

from service.schemas.specifications import Specification
from service.settings import Settings
from tests.support.requests.searches import autoencoder
from tests.support.shards.observers import RecordingObserver
from tests.support.shards.pipelines import shard_task
from worker.errors import RunError
from worker.pipeline import run_shard
from worker.pipeline.reproducibility import reproducible
from worker.supervisor import runners


def test_an_operation_that_cannot_be_repeated_is_named() -> None:
    refusal = (
        "max_pool2d_with_indices_backward_cuda does not have a deterministic "
        "implementation, but you set 'torch.use_deterministic_algorithms(True)'."
    )
    with (
        pytest.raises(RunError, match="max_pool2d_with_indices_backward_cuda") as error,
        reproducible(torch.device("cpu")),
    ):
        raise RuntimeError(refusal)
    assert error.value.code == "nondeterministic_operation"


def test_other_errors_pass() -> None:
    with (
        pytest.raises(RuntimeError, match="sizes"),
        reproducible(torch.device("cpu")),
    ):
        raise RuntimeError("sizes do not match")


def test_runners_know_it_before_cuda_begins(tmp_path: Path) -> None:
    environment = runners._environment(tmp_path, Settings())  # pyright: ignore[reportPrivateUsage]
    assert environment["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_shard_is_repeated_number_for_number_on_a_gpu(tmp_path: Path) -> None:
    specification = Specification.model_validate(autoencoder(iterations=20))
    found = []
    for name in ("one", "two"):
        task = shard_task(
            specification, tmp_path / name, first=0, count=3, device="cuda"
        )
        found.append(run_shard(task, RecordingObserver()))
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cuda.matmul.allow_tf32
    assert found[0] == found[1]
