"""Whole shards leave no tensor on another device than the objective's."""

from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
import torch

from service.schemas.specifications import Specification
from tests.support.numerics.explicit_devices import ExplicitDevices
from tests.support.requests.searches import autoencoder
from tests.support.shards.observers import RecordingObserver
from tests.support.shards.pipelines import shard_task
from worker import build
from worker.linalg.minres import minres_qlp
from worker.pipeline import run_shard

FINDERS: list[dict[str, Any]] = [
    {"kind": "newton_mr"},
    {"kind": "damped_newton"},
    {"kind": "levenberg_marquardt"},
    {"kind": "gradient_norm", "method": "gradient_descent"},
    {"kind": "gradient_norm", "method": "momentum"},
    {"kind": "gradient_norm", "criterion": "wolfe"},
    {"kind": "gradient_norm", "criterion": "newton_mr"},
]
SPECTRUM = {"kind": "lanczos", "top": 2, "density": {"steps": 5, "probes": 2}}
NETWORK = autoencoder(iterations=2, starts=1)
NETWORK["problem"]["architecture"]["sizes"] = [3, 1, 3]
NETWORK["problem"]["dataset"]["features"] = 3
LINEAR = {
    **NETWORK,
    "problem": {
        "kind": "linear_autoencoder",
        "input_size": 3,
        "hidden_size": 1,
        "samples": 50,
    },
}
POLYNOMIAL = {
    **NETWORK,
    "problem": {
        "kind": "polynomial",
        "variables": 2,
        "terms": [
            {"coefficient": 1.0, "powers": [4, 0]},
            {"coefficient": 1.0, "powers": [1, 2]},
        ],
    },
    "starts": {"kind": "box", "low": [-1.0, -1.0], "high": [1.0, 1.0], "count": 1},
}
LAYERS = {
    **NETWORK,
    "problem": {
        **NETWORK["problem"],
        "architecture": {
            "kind": "sequential",
            "layers": [
                {
                    "kind": "conv2d",
                    "in_channels": 1,
                    "out_channels": 2,
                    "kernel_size": 3,
                    "stride": 2,
                },
                {"kind": "layer_norm", "normalized_shape": [3, 3]},
                {"kind": "gelu"},
                {"kind": "residual", "layers": [{"kind": "swish"}], "shortcut": []},
                {"kind": "max_pool2d", "kernel_size": 2},
                {"kind": "flatten"},
                {"kind": "linear", "in_features": 2, "out_features": 10},
            ],
        },
        "dataset": {
            "kind": "builtin",
            "name": "digits",
            "transforms": [{"kind": "subset", "count": 20}],
        },
        "loss": {"kind": "cross_entropy", "l2": 0.01},
    },
}


def run(body: dict[str, Any], folder: Path, **inputs: Any) -> list[str]:  # noqa: ANN401
    """The labels of a job's points."""
    specification = Specification.model_validate({**body, "spectrum": SPECTRUM})
    task = shard_task(specification, folder, first=0, count=1, **inputs)
    return [point.label for point in run_shard(task, RecordingObserver())]


@pytest.mark.parametrize("dense_limit", [0, 2000], ids=["by products", "formed"])
@pytest.mark.parametrize(
    "finder", FINDERS, ids=lambda each: "-".join(map(str, each.values()))
)
def test_finders_say_where_they_compute(
    tmp_path: Path, finder: dict[str, Any], dense_limit: int
) -> None:
    with ExplicitDevices():
        run(
            {**NETWORK, "finder": {"max_iterations": 2, **finder}},
            tmp_path,
            dense_limit=dense_limit,
        )


@pytest.mark.parametrize("body", [LINEAR, POLYNOMIAL])
@pytest.mark.parametrize("dense_limit", [0, 2000], ids=["by products", "formed"])
def test_objectives_say_where_they_compute(
    tmp_path: Path, body: dict[str, Any], dense_limit: int
) -> None:
    with ExplicitDevices():
        run(body, tmp_path, dense_limit=dense_limit)


def test_layers_say_where_they_compute() -> None:
    built = build.problem(
        Specification.model_validate(LAYERS),
        weights=None,
        dataset=None,
        starts=range(2),
        device=torch.device("cpu"),
        memory_budget_bytes=2**28,
    )
    theta = torch.zeros(2, built.objective.parameters, dtype=torch.float64)
    units = torch.eye(theta.shape[1], dtype=torch.float64)
    with ExplicitDevices():
        hessian = built.objective.linearise(theta).hessian
        rows = torch.tensor([1], device="cpu")
        columns = hessian.take(rows).dense()[0, :3]
        products = [hessian.matvec(units[[i, i]]) for i in range(3)]
    torch.testing.assert_close(columns, torch.stack(products)[:, 1])


def test_a_default_device_is_found() -> None:
    code = compile("torch.zeros(3)", minres_qlp.__file__, "eval")
    with ExplicitDevices(), pytest.raises(AssertionError, match=r"torch\.zeros"):
        FunctionType(code, {"torch": torch})()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("body", [NETWORK, LINEAR, POLYNOMIAL])
@pytest.mark.parametrize(
    "finder", FINDERS, ids=lambda each: "-".join(map(str, each.values()))
)
def test_a_gpu_finds_the_same(
    tmp_path: Path, body: dict[str, Any], finder: dict[str, Any]
) -> None:
    body = {**body, "finder": {"max_iterations": 2, **finder}}
    with_cpu = run(body, tmp_path / "cpu")
    assert run(body, tmp_path / "gpu", device="cuda") == with_cpu
