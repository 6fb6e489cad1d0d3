"""Every kind of the specifications is built into what it names."""

import dataclasses
import math
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from annotated_types import Ge, Gt, Le, Lt
from safetensors.torch import save_file
from torch import nn

from service.schemas.base import Schema
from service.schemas.finders import Finder
from service.schemas.specifications import Specification
from worker import build
from worker.errors import RunError

CPU = torch.device("cpu")

LAYERS: list[dict[str, Any]] = [
    {"kind": "conv2d", "in_channels": 1, "out_channels": 2, "kernel_size": [3, 1]},
    {"kind": "layer_norm", "normalized_shape": [2, 6, 8]},
    {"kind": "gelu"},
    {"kind": "max_pool2d", "kernel_size": 2, "stride": 2},
    {
        "kind": "residual",
        "layers": [
            {"kind": "conv2d", "in_channels": 2, "out_channels": 3, "kernel_size": 1},
            {"kind": "tanh"},
        ],
        "shortcut": [
            {"kind": "conv2d", "in_channels": 2, "out_channels": 3, "kernel_size": 1}
        ],
    },
    {"kind": "avg_pool2d", "kernel_size": [1, 2]},
    {"kind": "flatten"},
    {"kind": "linear", "in_features": 18, "out_features": 10, "bias": False},
]


def specification(**changes: object) -> Specification:
    body: dict[str, Any] = {
        "problem": {
            "kind": "network",
            "architecture": {"kind": "sequential", "layers": LAYERS},
            "dataset": {"kind": "builtin", "name": "digits", "transforms": []},
            "loss": {"kind": "cross_entropy"},
        },
        "starts": {"kind": "random", "count": 2},
    }
    body.update(changes)
    return Specification.model_validate(body)


def built(spec: Specification, **paths: Path | None) -> build.Built:
    return build.problem(
        spec,
        weights=paths.get("weights"),
        dataset=paths.get("dataset"),
        starts=range(2),
        device=CPU,
        memory_budget_bytes=2**28,
    )


def test_layers_have_the_names_and_values_of_torch() -> None:
    spec = specification()
    problem = built(spec)
    reference = nn.Sequential(
        nn.Conv2d(1, 2, (3, 1)),
        nn.LayerNorm([2, 6, 8]),
        nn.GELU(),
        nn.MaxPool2d(2, 2),
        nn.ModuleDict(
            {
                "layers": nn.Sequential(nn.Conv2d(2, 3, 1), nn.Tanh()),
                "shortcut": nn.Sequential(nn.Conv2d(2, 3, 1)),
            }
        ),
        nn.AvgPool2d((1, 2)),
        nn.Flatten(),
        nn.Linear(18, 10, bias=False),
    ).double()
    named = dict(reference.named_parameters())
    assert problem.layout.names == tuple(named)
    assert problem.layout.shapes == tuple(tuple(p.shape) for p in named.values())
    assert not problem.objective.smooth
    assert "max_pool2d" in problem.warnings[0]

    theta = build.starts(spec, problem, [0, 1])
    values = problem.layout.unflatten(theta[1:])
    assert problem.dataset is not None
    with torch.no_grad():
        for name, parameter in named.items():
            parameter.copy_(values[name][0])
        x = problem.dataset.x
        for layer in reference:
            if isinstance(layer, nn.ModuleDict):
                x = layer["layers"](x) + layer["shortcut"](x)
            else:
                x = layer(x)
        expected = nn.functional.cross_entropy(x, problem.dataset.y)
    assert problem.objective.value(theta)[1].item() == pytest.approx(expected.item())


def test_transforms_are_applied_in_order() -> None:
    transforms = [
        {"kind": "subset", "classes": [3, 5], "count": 50, "seed": 4},
        {"kind": "crop", "size": 6},
        {"kind": "resize", "size": 3},
        {"kind": "flatten"},
        {"kind": "center"},
        {"kind": "pca", "components": 4, "whiten": True},
        {"kind": "standardize"},
        {"kind": "permute_labels"},
        {"kind": "one_hot", "classes": 2},
    ]
    problem = built(
        specification(
            problem={
                "kind": "network",
                "architecture": {
                    "kind": "mlp",
                    "sizes": [4, 2],
                    "activation": "identity",
                },
                "dataset": {
                    "kind": "builtin",
                    "name": "digits",
                    "transforms": transforms,
                },
                "loss": {"kind": "mse", "l2": 0.5},
            }
        )
    )
    assert problem.dataset is not None
    x, y = problem.dataset.x, problem.dataset.y
    assert x.shape == (50, 4)
    assert y.shape == (50, 2)
    assert x.square().mean(0).tolist() == pytest.approx([1.0] * 4)
    theta = torch.zeros(1, 10, dtype=torch.float64)
    assert problem.objective.value(theta).item() == pytest.approx(0.5)


@pytest.mark.parametrize(
    "covariance",
    [
        {"kind": "linspace", "low": 1.0, "high": 3.0},
        {"kind": "diagonal", "values": [1.0, 2.0, 3.0]},
    ],
)
def test_gaussian_data_have_their_covariance(covariance: dict[str, Any]) -> None:
    problem = built(
        specification(
            problem={
                "kind": "network",
                "architecture": {"kind": "mlp", "sizes": [3, 3], "activation": "relu"},
                "dataset": {
                    "kind": "gaussian",
                    "features": 3,
                    "samples": 20_000,
                    "covariance": covariance,
                },
                "loss": {"kind": "mse"},
            },
            precision="float32",
        )
    )
    assert problem.dataset is not None
    assert problem.dataset.x.dtype == problem.objective.dtype == torch.float32
    assert problem.dataset.x.var(0).tolist() == pytest.approx([1, 2, 3], rel=0.05)


@pytest.mark.parametrize("optimizer", ["gradient_descent", "momentum", "adam"])
def test_trajectories_go_downhill(optimizer: str) -> None:
    spec = specification(
        problem={
            "kind": "linear_autoencoder",
            "input_size": 4,
            "hidden_size": 2,
            "samples": 50,
        },
        starts={
            "kind": "trajectory",
            "count": 4,
            "optimizer": optimizer,
            "steps": 40,
            "noisy_fraction": 0.0,
        },
    )
    problem = built(spec)
    theta = build.starts(spec, problem, range(4))
    losses = problem.objective.value(theta).tolist()
    assert losses == sorted(losses, reverse=True)
    alone = build.starts(spec, problem, [2])
    assert torch.equal(alone[0], theta[2])


def test_uploaded_points_are_read_under_their_names(tmp_path: Path) -> None:
    weights = {
        "w1": torch.arange(16.0).reshape(2, 2, 4),
        "w2": torch.arange(16.0).reshape(2, 4, 2),
    }
    save_file(weights, tmp_path / "weights")
    spec = specification(
        problem={
            "kind": "linear_autoencoder",
            "input_size": 4,
            "hidden_size": 2,
            "samples": 50,
            "stacked": True,
            "parameter_map": {"encoder.weight": "w1", "decoder.weight": "w2"},
        },
        starts={"kind": "weights", "count": 3},
    )
    theta = build.starts(spec, built(spec, weights=tmp_path / "weights"), [0, 1, 2])
    assert theta[1, :8].tolist() == weights["w1"][1].flatten().tolist()
    assert torch.equal(theta[0], theta[2])


def test_box_starts_lie_in_the_box() -> None:
    spec = specification(
        problem={
            "kind": "polynomial",
            "variables": 2,
            "terms": [{"coefficient": 2.0, "powers": [1, 3]}],
        },
        starts={"kind": "box", "low": [1.0, 2.0], "high": [3.0, 2.5], "count": 50},
    )
    problem = built(spec)
    theta = build.starts(spec, problem, range(50))
    assert (theta >= torch.tensor([1.0, 2.0])).all()
    assert (theta <= torch.tensor([3.0, 2.5])).all()
    truth = 2.0 * theta[:, 0] * theta[:, 1] ** 3
    assert torch.allclose(problem.objective.value(theta), truth)


@pytest.mark.parametrize(
    ("starts", "code"),
    [
        ({"kind": "explicit", "points": [[1.0, 2.0]]}, "starts_invalid"),
        ({"kind": "weights"}, "job_invalid"),
    ],
)
def test_starts_that_do_not_fit_are_refused(starts: dict[str, Any], code: str) -> None:
    spec = specification(starts=starts)
    problem = built(spec)
    with pytest.raises(RunError) as refusal:
        build.starts(spec, problem, [0])
    assert refusal.value.code == code


def test_file_data_need_a_file() -> None:
    spec = specification(
        problem={
            "kind": "network",
            "architecture": {"kind": "mlp", "sizes": [3, 3], "activation": "relu"},
            "dataset": {"kind": "file", "file_id": "file_" + "0" * 32},
            "loss": {"kind": "mse"},
        }
    )
    with pytest.raises(RunError, match="lacks"):
        built(spec)


FINDERS: list[dict[str, Any]] = [
    {
        "kind": "newton_mr",
        "hessian": "krylov",
        "rtol": 1e-2,
        "max_krylov_iterations": 7,
        "step_size": 0.3,
        "backtracking_factor": 0.4,
        "sufficient_decrease": 1e-3,
        "full_step_decrease": 0.2,
        "max_step_norm": 10.0,
        "max_condition": 1e4,
        "safeguards": False,
    },
    {"kind": "damped_newton", "hessian": "exact", "dampings": [0.0, 0.5]},
    {
        "kind": "gradient_norm",
        "method": "momentum",
        "learning_rate": 0.3,
        "momentum": 0.5,
        "criterion": "wolfe",
    },
    {"kind": "levenberg_marquardt", "hessian": "krylov", "regularisation": 0.5},
]


@pytest.mark.parametrize("chosen", FINDERS, ids=lambda chosen: chosen["kind"])
def test_finders_get_what_the_job_says(chosen: dict[str, Any]) -> None:
    spec = specification(finder={**chosen, "max_iterations": 17})

    found = build.finder(spec.finder)

    assert found is not None
    assert found.max_iterations == 17
    wanted = {**chosen}
    assert found.hessian == wanted.pop("hessian", "auto")
    kind = wanted.pop("kind")
    assert type(found.finder).__name__.lower() == kind.replace("_", "")
    given = {name: getattr(found.finder, name) for name in wanted}
    assert given == {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in wanted.items()
    }
    fields = {field.name for field in dataclasses.fields(found.finder)}  # type: ignore[arg-type]
    assert fields == set(wanted)


def bounds(finder: type[Schema]) -> Iterator[dict[str, float]]:
    """Every numeric field at the least and the largest value that its schema allows."""
    for name, field in finder.model_fields.items():
        for limit in field.metadata:
            match limit:
                case Ge(ge=value) | Le(le=value):
                    yield {name: cast("float", value)}
                case Gt(gt=value):
                    yield {name: math.nextafter(cast("float", value), math.inf)}
                case Lt(lt=value):
                    yield {name: math.nextafter(cast("float", value), -math.inf)}
                case _:
                    pass


@pytest.mark.parametrize("finder", typing.get_args(typing.get_args(Finder)[0]))
def test_what_the_schema_allows_at_its_bounds_can_be_built(
    finder: type[Schema],
) -> None:
    kind = typing.get_args(finder.model_fields["kind"].annotation)[0]
    for fields in bounds(finder):
        wanted = specification(finder={"kind": kind, **fields})
        assert build.finder(wanted.finder) is not None


def test_defaults_are_the_same_in_the_schema_and_the_finder() -> None:
    for chosen in FINDERS:
        kind = chosen["kind"]
        found = build.finder(specification(finder={"kind": kind}).finder)
        assert found is not None
        assert found.finder == type(found.finder)()


def test_no_finder_is_none() -> None:
    assert build.finder(specification(finder={"kind": "none"}).finder) is None
