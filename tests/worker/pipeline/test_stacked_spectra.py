"""Spectra along a training run, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from service.schemas.specifications import Specification
from tests.support.shards.observers import RecordingObserver
from tests.support.shards.pipelines import assemble_job, shard_task
from worker.pipeline import ShardTask, run_shard

ALONE: dict[str, Any] = {
    "problem": {
        "kind": "network",
        "architecture": {"kind": "mlp", "sizes": [64, 8, 10], "activation": "tanh"},
        "weights_file_id": "file_" + "0" * 32,
        "stacked": True,
        "dataset": {
            "kind": "builtin",
            "name": "digits",
            "transforms": [{"kind": "flatten"}, {"kind": "subset", "count": 50}],
        },
        "loss": {"kind": "cross_entropy"},
    },
    "starts": {"kind": "weights"},
    "finder": {"kind": "none"},
    "spectrum": {"kind": "lanczos", "top": 2},
}


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """Three points of a training run, in one file."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"0.weight": (8, 64), "0.bias": (8,), "1.weight": (10, 8), "1.bias": (10,)}
    path = tmp_path / "stack.safetensors"
    save_file(
        {
            f"layers.{name}": 0.3 * torch.randn(3, *shape, generator=generator)
            for name, shape in shapes.items()
        },
        path,
    )
    return path


def shard_of(checkpoints: Path, folder: Path, body: dict[str, Any]) -> ShardTask:
    """The shard of all three points, of which no Hessian is formed."""
    return shard_task(
        Specification.model_validate(body),
        folder / "shard",
        first=0,
        count=3,
        weights=checkpoints,
        dense_limit=100,
    )


def test_a_stack_of_checkpoints_gives_spectra_and_nothing_that_was_not_asked_for(
    checkpoints: Path, tmp_path: Path
) -> None:
    task = shard_of(checkpoints, tmp_path, ALONE)
    observer = RecordingObserver()

    points = run_shard(task, observer)

    assert observer.phases == ["preparing", "decomposing", "reporting"]
    products = [made for made in observer.progressed if made[3] == "products"]
    assert [done for _, done, _, _ in products] == sorted(m[1] for m in products)
    assert products[-1][1] == products[-1][2]
    assert [point.label for point in points] == ["unclassified"] * 3
    for point in points:
        assert point.relative_residual is None
        assert any("only the spectrum" in note for note in point.notes)
        assert point.spectrum is not None
        assert point.spectrum.converged
    assert len({point.spectrum.largest[0] for point in points if point.spectrum}) == 3
    report = assemble_job(task.specification, [task.folder], tmp_path)
    assert report.outcome == "no_critical_points_found"
    assert report.counts.unclassified == 3
    norms = [
        max(abs(value) for value in spectrum.largest + spectrum.smallest)
        for spectrum in (point.spectrum for point in points)
        if spectrum is not None
    ]
    stack = load_file(checkpoints)
    assert report.problem.gradient_norm_floor == floor(norms, list(stack.values()))


def floor(norms: list[float], stack: list[Tensor]) -> object:
    """Median of ``(eps |A| |theta|)^2`` over three points."""
    lengths = [torch.cat([t[i].flatten() for t in stack]).norm() for i in range(3)]
    floors = [
        (2.0**-52 * norm * float(length)) ** 2
        for norm, length in zip(norms, lengths, strict=True)
    ]
    return pytest.approx(sorted(floors)[1])


@pytest.mark.parametrize("matrix", ["hessian", "gauss_newton", "fisher"])
def test_any_matrix_tells_what_rounding_does_to_gradients(
    matrix: str, checkpoints: Path, tmp_path: Path
) -> None:
    spectrum = {**ALONE["spectrum"], "matrix": matrix, "parameters": "layers.0.*"}
    task = shard_of(checkpoints, tmp_path, {**ALONE, "spectrum": spectrum})

    spectra = [point.spectrum for point in run_shard(task, RecordingObserver())]

    norms = [max(map(abs, it.largest + it.smallest)) for it in spectra if it]
    block = [
        each
        for name, each in load_file(checkpoints).items()
        if name.startswith("layers.0.")
    ]
    report = assemble_job(task.specification, [task.folder], tmp_path)
    assert report.problem.gradient_norm_floor == floor(norms, block)


def test_a_cancelled_job_reports_the_spectra_that_are_done(
    checkpoints: Path, tmp_path: Path
) -> None:
    task = shard_of(checkpoints, tmp_path, ALONE)
    observer = RecordingObserver()
    observer.stop = lambda: observer.products > 5

    points = run_shard(task, observer)

    assert observer.products == 6
    for point in points:
        assert point.spectrum is None
        assert "cancelled before this spectrum" in point.notes[-1]
