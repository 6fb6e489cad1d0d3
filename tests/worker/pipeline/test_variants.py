"""Precisions, large networks, files, checkpoints by the clock, and lack of memory."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from service.schemas.specifications import Specification
from tests.support.shards.observers import RecordingObserver
from tests.support.shards.pipelines import assemble_job, run_job, shard_task
from worker.errors import RunError
from worker.pipeline import checkpoints, run_shard
from worker.pipeline.memory import LEAST_BUDGET_BYTES, within_memory

CPU = torch.device("cpu")
MLP: dict[str, Any] = {"kind": "mlp", "sizes": [3, 4, 2], "activation": "tanh"}
BODY: dict[str, Any] = {
    "problem": {
        "kind": "network",
        "architecture": MLP,
        "weights_file_id": "file_" + "0" * 32,
        "parameter_map": {
            "layers.0.weight": "a",
            "layers.0.bias": "b",
            "layers.1.weight": "c",
            "layers.1.bias": "d",
        },
        "dataset": {"kind": "file", "file_id": "file_" + "1" * 32},
        "loss": {"kind": "mse"},
    },
    "starts": {"kind": "weights", "count": 2, "noise_variance": 0.01},
    "finder": {"kind": "newton_mr", "max_iterations": 5},
    "spectrum": {"kind": "lanczos", "top": 2, "density": {"steps": 8, "probes": 3}},
    "keep_dataset": True,
}


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    weights = {"a": draw(4, 3), "b": draw(4), "c": draw(2, 4), "d": draw(2)}
    save_file(weights, tmp_path / "weights")
    save_file({"x": draw(30, 3), "y": draw(30, 2)}, tmp_path / "dataset")
    return {"weights": tmp_path / "weights", "dataset": tmp_path / "dataset"}


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_artifacts_keep_uploaded_names_and_precision(
    inputs: dict[str, Path], tmp_path: Path, precision: str
) -> None:
    folder = tmp_path / "job"
    report = run_job(
        {**BODY, "precision": precision},
        folder,
        counts=(1, 1),
        weights=inputs["weights"],
        dataset=inputs["dataset"],
    )
    dtype = getattr(torch, precision)
    points = load_file(folder / "points.safetensors")
    assert {name: tuple(each.shape) for name, each in points.items()} == {
        "a": (2, 4, 3),
        "b": (2, 4),
        "c": (2, 2, 4),
        "d": (2, 2),
    }
    assert {each.dtype for each in points.values()} == {dtype}
    data = load_file(folder / "dataset.safetensors")
    uploaded = load_file(inputs["dataset"])
    assert torch.equal(data["x"], uploaded["x"].to(dtype))
    assert len(report.artifacts) == 3
    floor = report.problem.gradient_norm_floor
    assert floor < (1e-26 if precision == "float64" else 1e-9)


def test_large_networks_are_estimated(inputs: dict[str, Path], tmp_path: Path) -> None:
    exact, estimated = (
        run_job(
            {**BODY, "finder": {"kind": "gradient_norm", "max_iterations": 1}},
            tmp_path / str(limit),
            counts=(2,),
            dense_limit=limit,
            weights=inputs["weights"],
            dataset=inputs["dataset"],
        )
        for limit in (2000, 0)
    )
    for truth, point in zip(exact.points, estimated.points, strict=True):
        assert point.index is not None
        assert truth.index is not None
        assert truth.spectrum is not None
        assert point.spectrum is not None
        assert (truth.index.method, point.index.method) == ("exact", "estimated")
        assert point.index.standard_error is not None
        assert point.index.negative + point.index.zero + point.index.positive == 26
        assert (truth.spectrum.method, point.spectrum.method) == ("exact", "lanczos")
        assert point.spectrum.largest == pytest.approx(truth.spectrum.largest)
        assert point.spectrum.smallest == pytest.approx(truth.spectrum.smallest)
        assert point.spectrum.converged
        assert point.gradient_kernel_method == "estimated"
        assert point.relative_residual is not None
        assert any("estimates" in note for note in point.notes)
        assert point.loss == pytest.approx(truth.loss, rel=1e-12)


def test_checkpoints_follow_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "REST", 0.0)
    body = {
        "problem": {
            "kind": "linear_autoencoder",
            "input_size": 4,
            "hidden_size": 1,
            "samples": 50,
        },
        "starts": {"kind": "random", "count": 1},
        "finder": {"kind": "newton_mr", "max_iterations": 5},
    }
    specification = Specification.model_validate(body)
    task = shard_task(
        specification, tmp_path, first=0, count=1, checkpoint_seconds=1e-9
    )
    observer = RecordingObserver()
    run_shard(task, observer)
    assert observer.checkpoints == observer.iterations + 1
    assert [path.name for path in tmp_path.glob("*unfinished*")] == []


def test_report_needs_results(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no shard"):
        assemble_job(Specification.model_validate(BODY), [], tmp_path)


def exhausted(error: Exception) -> None:
    def compute(budget_bytes: int) -> None:  # noqa: ARG001
        raise error

    within_memory(compute, 2**30, device=CPU)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_lack_of_memory_has_one_name(error: Exception) -> None:
    with pytest.raises(RunError) as failure:
        exhausted(error)
    assert failure.value.code == "out_of_memory"


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="something else"):
        exhausted(RuntimeError("something else"))


def test_budgets_halve_until_they_suffice() -> None:
    budgets: list[int] = []

    def compute(budget_bytes: int) -> str:
        budgets.append(budget_bytes)
        if budget_bytes > 2**28:
            raise torch.OutOfMemoryError
        return "done"

    assert within_memory(compute, 2**30, device=CPU) == "done"
    assert budgets == [2**30, 2**29, 2**28]
    assert min(budgets) > LEAST_BUDGET_BYTES


def test_memory_for_a_huge_step_is_refused_by_the_allocator() -> None:
    def compute(budget_bytes: int) -> int:  # noqa: ARG001
        return torch.empty(2**60, dtype=torch.uint8).numel()

    with pytest.raises(RunError) as failure:
        within_memory(compute, 2**30, device=CPU)
    assert failure.value.code == "out_of_memory"
