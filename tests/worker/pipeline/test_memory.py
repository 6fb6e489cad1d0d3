"""Memory: estimated before, kept to, and not exceeded without a word."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from service import presets
from service.resolution.resolution import resolve
from service.schemas.jobs import JobRequest
from service.schemas.reports import SpectrumReport
from service.schemas.specifications import Specification
from tests.support.numerics.shortages import Shortage
from tests.support.requests.requests import LIMITS
from tests.support.shards.observers import RecordingObserver
from tests.support.shards.pipelines import shard_task
from worker import build
from worker.errors import RunError
from worker.objectives.observed import ObservedObjective
from worker.pipeline import run_shard, shard
from worker.pipeline.memory import within_memory
from worker.reports.shards import read_result

CPU = torch.device("cpu")
MIB = 2**20


NEWTON_MR = {"kind": "newton_mr", "max_iterations": 2}
FORMED = {**NEWTON_MR, "hessian": "exact"}
GROWING = {"kind": "levenberg_marquardt", "max_iterations": 5, "hessian": "krylov"}
SPECTRUM = {"kind": "lanczos", "top": 1}
WHOLE = {**GROWING, "max_iterations": 1, "regularisation": 1e-16}


def digits(*sizes: int, samples: int, starts: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A classifier of images; two steps of a search."""
    subset = {"kind": "subset", "count": samples}
    return {
        "problem": {
            "kind": "network",
            "architecture": {"kind": "mlp", "sizes": [*sizes], "activation": "tanh"},
            "dataset": {
                "kind": "builtin",
                "name": "digits",
                "transforms": [subset, {"kind": "flatten"}],
            },
            "loss": {"kind": "cross_entropy"},
        },
        "starts": {"kind": "random", "count": starts},
        "finder": NEWTON_MR,
        **more,
    }


def estimate(body: dict[str, Any], *, dense_limit: int, budget: int) -> int:
    limits = LIMITS.model_copy(
        update={"dense_parameters": dense_limit, "memory_budget_bytes": budget}
    )
    found = resolve(JobRequest.model_validate(body), {}, limits)
    assert found.estimate is not None
    return found.estimate.memory_bytes


def peak(body: dict[str, Any], *, starts: int, dense_limit: int, budget: int) -> int:
    """The growth of a process that computes the job's only shard."""
    order = {
        "request": body,
        "starts": starts,
        "dense_limit": dense_limit,
        "budget": budget,
    }
    return child("tests.support.shards.peak_memory", order)


def child(program: str, order: dict[str, Any]) -> Any:  # noqa: ANN401
    """What a program answers that runs in a process of its own."""
    answer = subprocess.run(
        [sys.executable, "-m", program],
        input=json.dumps(order),
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(answer.stdout)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("hidden", "starts", "finder", "dense_limit", "budget"),
    [
        pytest.param(8, 24, FORMED, 2000, 2**31, id="formed, all at once"),
        pytest.param(8, 24, FORMED, 2000, 96 * MIB, id="formed, in groups"),
        pytest.param(60, 6, NEWTON_MR, 0, 2**31, id="by products"),
        pytest.param(60, 3, GROWING, 0, 2**31, id="in spaces that grow"),
        pytest.param(60, 3, WHOLE, 0, 2**31, id="in whole spaces"),
    ],
)
def test_peak_memory_follows_estimate_and_budget(
    hidden: int, starts: int, finder: dict[str, Any], dense_limit: int, budget: int
) -> None:
    body = digits(64, hidden, 10, samples=100, starts=starts, finder=finder)
    foreseen = estimate(body, dense_limit=dense_limit, budget=budget)

    taken = peak(body, starts=starts, dense_limit=dense_limit, budget=budget)

    assert taken <= 1.25 * foreseen
    assert foreseen <= 2 * taken + 32 * MIB
    assert taken <= budget + 32 * MIB


def test_vectors_are_kept_in_single_precision_where_memory_is_short(
    tmp_path: Path,
) -> None:
    body = digits(
        *(64, 100, 10),
        samples=20,
        starts=1,
        finder={"kind": "none"},
        spectrum={"kind": "lanczos", "top": 10, "eigenvectors": True},
    )
    found: dict[str, SpectrumReport] = {}
    for precision, limit in (("float64", 2**30), ("float32", 7 * MIB)):
        task = shard_task(
            Specification.model_validate(body),
            tmp_path / precision,
            first=0,
            count=1,
            memory_budget_bytes=2**30,
        )
        (point,) = run_shard(
            dataclasses.replace(task, memory_limit_bytes=limit), RecordingObserver()
        )
        assert point.spectrum is not None
        assert point.spectrum.vectors is not None
        assert point.spectrum.vectors.precision == precision
        assert point.spectrum.converged
        found[precision] = point.spectrum
    double, single = found["float64"], found["float32"]
    assert single.largest == pytest.approx(double.largest, abs=1e-4 * double.largest[0])
    assert max(single.residual_bounds.largest) > max(double.residual_bounds.largest)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["resnet", "transformer"])
def test_peak_memory_of_usual_layers_follows_the_estimate(name: str) -> None:
    """With graphs that are kept for the products of a spectrum."""
    body = json.loads(presets.read(name))
    del body["labels"]
    body["problem"]["dataset"]["transforms"][0]["count"] = 1000
    body |= {"starts": {"kind": "random", "count": 1}, "spectrum": SPECTRUM}
    foreseen = estimate(body, dense_limit=0, budget=2**31)

    taken = peak(body, starts=1, dense_limit=0, budget=2**31)

    assert 32 * MIB < taken <= 1.25 * foreseen
    assert foreseen <= 2 * taken


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_process_that_gets_no_more_memory_finds_the_same() -> None:
    order = {
        "request": digits(64, 8, 10, samples=100, starts=12, finder=FORMED),
        "starts": 12,
        "bytes": 60 * MIB,
    }

    found = child("tests.support.shards.little_memory", order)

    assert found["shortages"] > 0
    silent, told = found["notes"]
    assert silent == []
    assert told
    assert all("starts 0 to 11: memory was short" in note for note in told)
    for (loss, *rest), (expected, *others) in zip(
        found["little"], found["enough"], strict=True
    ):
        assert loss == pytest.approx(expected, rel=1e-9)
        assert rest == others


def test_a_budget_too_small_for_one_run_is_said_so(tmp_path: Path) -> None:
    body = digits(64, 8, 10, samples=20, starts=1)
    task = shard_task(
        Specification.model_validate(body),
        tmp_path,
        first=0,
        count=1,
        memory_budget_bytes=4 * MIB,
    )
    observer = RecordingObserver()

    with pytest.raises(RunError, match="one run takes about") as raised:
        run_shard(task, observer)

    assert raised.value.code == "out_of_memory"
    assert observer.phases == ["preparing"]


BODY: dict[str, Any] = {
    "problem": {
        "kind": "linear_autoencoder",
        "input_size": 5,
        "hidden_size": 2,
        "samples": 100,
    },
    "starts": {"kind": "random", "count": 7},
    "finder": {"kind": "newton_mr", "max_iterations": 8},
}


@pytest.mark.parametrize("shortage", ["gpu", "cpu"])
def test_a_shard_out_of_memory_goes_on_with_smaller_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shortage: str
) -> None:
    specification = Specification.model_validate(BODY)
    whole = run_shard(
        shard_task(specification, tmp_path / "whole", first=0, count=7),
        RecordingObserver(),
    )
    short = Shortage(most=3, kind=shortage)

    def short_problem(*arguments: Any, **more: Any) -> build.Built:  # noqa: ANN401
        built = problem(*arguments, **more)
        objective = ObservedObjective(inner=built.objective, announce=short)
        return dataclasses.replace(built, objective=objective)

    problem = build.problem
    monkeypatch.setattr(shard.build, "problem", short_problem)
    observer = RecordingObserver()

    points = run_shard(
        shard_task(specification, tmp_path / "short", first=0, count=7), observer
    )

    assert short.failures > 1
    search = read_result(tmp_path / "short").facts.search
    assert search is not None
    assert search.notes == [
        "starts 0 to 6: memory was short, and at most 2 runs advanced together"
    ]
    assert [point.start for point in observer.points] == list(range(7))
    for point, other in zip(points, whole, strict=True):
        assert point.label == other.label
        assert point.iterations == other.iterations
        assert point.loss == pytest.approx(other.loss, rel=1e-9)


def test_a_budget_is_halved_until_it_does() -> None:
    tried: list[int] = []

    def compute(budget: int) -> int:
        tried.append(budget)
        if budget > 100 * MIB:
            raise MemoryError
        return budget

    assert within_memory(compute, 1024 * MIB, device=CPU) == 64 * MIB
    assert tried == [1024 * MIB, 512 * MIB, 256 * MIB, 128 * MIB, 64 * MIB]


def test_a_lack_of_memory_that_nothing_helps_has_a_name() -> None:
    def compute(budget: int) -> None:
        raise MemoryError(budget)

    with pytest.raises(RunError) as raised:
        within_memory(compute, 1024 * MIB, device=CPU)
    assert raised.value.code == "out_of_memory"


def test_other_errors_are_not_retried() -> None:
    def compute(budget: int) -> None:
        raise RuntimeError(budget)

    with pytest.raises(RuntimeError, match="1024"):
        within_memory(compute, 1024, device=CPU)
