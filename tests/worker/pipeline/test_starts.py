"""Where searches begin: starts as reported, against training written out here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from service.schemas.reports import Report
from tests.support.shards.pipelines import run_job

COUNT, STEPS = 12, 60
FILE = "file_" + "0" * 32
PROBLEMS: dict[str, dict[str, Any]] = {
    "network": {
        "kind": "network",
        "architecture": {"kind": "mlp", "sizes": [4, 3, 2], "activation": "tanh"},
        "dataset": {"kind": "file", "file_id": FILE},
        "loss": {"kind": "mse", "l2": 0.01},
    },
    "linear_autoencoder": {
        "kind": "linear_autoencoder",
        "input_size": 4,
        "hidden_size": 2,
        "samples": 60,
    },
}
SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "network": {
        "layers.0.weight": (3, 4),
        "layers.0.bias": (3,),
        "layers.1.weight": (2, 3),
        "layers.1.bias": (2,),
    },
    "linear_autoencoder": {"encoder.weight": (2, 4), "decoder.weight": (4, 2)},
}
OPTIMIZERS: dict[str, Callable[[list[Tensor]], torch.optim.Optimizer]] = {
    "gradient_descent": lambda theta: torch.optim.SGD(theta, lr=0.01),
    "momentum": lambda theta: torch.optim.SGD(theta, lr=0.01, momentum=0.9),
    "adam": lambda theta: torch.optim.Adam(theta, lr=0.01),
}


def loss(kind: str, p: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
    if kind == "linear_autoencoder":
        return (x @ p["encoder.weight"].T @ p["decoder.weight"].T - y).square().mean()
    hidden = torch.tanh(x @ p["layers.0.weight"].T + p["layers.0.bias"])
    outputs = hidden @ p["layers.1.weight"].T + p["layers.1.bias"]
    penalty = sum(each.square().sum() for each in p.values())
    return (outputs - y).square().mean() + 0.01 * penalty


def draw(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.5 * torch.randn(*shape, generator=generator, dtype=torch.float64)


def uploaded(kind: str, points: int | None) -> dict[str, Tensor]:
    leading = () if points is None else (points,)
    return {
        name: draw(*leading, *shape, seed=number)
        for number, (name, shape) in enumerate(SHAPES[kind].items())
    }


def run(
    folder: Path,
    kind: str,
    starts: dict[str, Any],
    *,
    weights: dict[str, Tensor] | None = None,
    stacked: bool = False,
    counts: tuple[int, ...] = (5, 7),
    seed: int = 0,
) -> tuple[Report, dict[str, Tensor], dict[str, Tensor]]:
    """The report of a job without a search, its points and its data."""
    folder.mkdir()
    problem = {**PROBLEMS[kind]}
    inputs: dict[str, Path] = {}
    if kind == "network":
        inputs["dataset"] = folder / "dataset"
        save_file(
            {"x": draw(60, 4, seed=8), "y": draw(60, 2, seed=9)}, inputs["dataset"]
        )
    if weights is not None:
        inputs["weights"] = folder / "weights"
        save_file(weights, inputs["weights"])
        problem.update(weights_file_id=FILE, stacked=stacked)
    body = {
        "problem": problem,
        "starts": starts,
        "finder": {"kind": "none"},
        "keep_dataset": True,
        "seed": seed,
    }
    report = run_job(body, folder, counts=counts, **inputs)  # type: ignore[arg-type]
    points = load_file(folder / "points.safetensors")
    return report, points, load_file(folder / "dataset.safetensors")


def trained(
    kind: str, optimizer: str, initial: dict[str, Tensor], data: dict[str, Tensor]
) -> tuple[dict[str, Tensor], Tensor]:
    """Parameters before every step and after the last, and the losses there."""
    theta = {name: each.clone().requires_grad_() for name, each in initial.items()}
    rule = OPTIMIZERS[optimizer](list(theta.values()))
    history: dict[str, list[Tensor]] = {name: [] for name in theta}
    losses: list[Tensor] = []
    for _ in range(STEPS + 1):
        rule.zero_grad()
        value = loss(kind, theta, data["x"], data["y"])
        value.backward()
        losses.append(value.detach())
        for name, each in theta.items():
            history[name].append(each.detach().clone())
        rule.step()
    stacked = {name: torch.stack(each) for name, each in history.items()}
    return stacked, torch.stack(losses)


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_trajectories_from_uploaded_weights(
    kind: str, optimizer: str, tmp_path: Path
) -> None:
    initial = uploaded(kind, None)
    starts = {
        "kind": "trajectory",
        "count": COUNT,
        "optimizer": optimizer,
        "steps": STEPS,
    }

    _, points, data = run(tmp_path / "job", kind, starts, weights=initial)

    history, losses = trained(kind, optimizer, initial, data)
    shares = (torch.arange(COUNT) + 0.5) / COUNT
    levels = losses.max() - shares * (losses.max() - losses.min())
    steps = (losses - levels[:, None]).abs().argmin(1)
    noise = [(points[name] - history[name][steps]).flatten(1) for name in SHAPES[kind]]
    difference = torch.cat(noise, dim=1)
    clean, noisy = difference[::2], difference[1::2]
    assert clean.abs().max() < 1e-9
    assert noisy.square().mean().item() == pytest.approx(0.01, rel=0.5)
    assert noisy.abs().amin(1).min() > 0


@pytest.mark.parametrize("kind", PROBLEMS)
def test_trajectories_from_a_random_initialisation(kind: str, tmp_path: Path) -> None:
    starts = {
        "kind": "trajectory",
        "count": COUNT,
        "optimizer": "adam",
        "steps": STEPS,
        "noisy_fraction": 0.0,
    }

    report, points, data = run(tmp_path / "job", kind, starts)
    _, others, _ = run(tmp_path / "other", kind, starts, seed=1)
    _, again, _ = run(tmp_path / "again", kind, starts, counts=(12,))

    losses = torch.tensor([point.loss for point in report.points])
    first = {name: each[0] for name, each in points.items()}
    _, onwards = trained(kind, "adam", first, data)
    widest = -onwards.diff().min()
    gaps = -losses.diff()
    assert (gaps > 0).all()
    assert ((gaps - gaps.mean()).abs() < 2 * widest).all()
    for name, each in points.items():
        assert torch.equal(again[name], each)
        assert not torch.equal(others[name], each)


@pytest.mark.parametrize("kind", PROBLEMS)
def test_many_uploaded_points(kind: str, tmp_path: Path) -> None:
    weights = uploaded(kind, 300)

    report, points, data = run(
        tmp_path / "job",
        kind,
        {"kind": "weights"},
        weights=weights,
        stacked=True,
        counts=(200, 100),
    )

    assert [point.start for point in report.points] == list(range(300))
    for name, each in weights.items():
        assert torch.equal(points[name], each)
    chosen = {name: each[217] for name, each in weights.items()}
    expected = loss(kind, chosen, data["x"], data["y"]).item()
    assert report.points[217].loss == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", PROBLEMS)
def test_random_initialisations_are_those_of_torch(kind: str, tmp_path: Path) -> None:
    _, points, _ = run(
        tmp_path / "job", kind, {"kind": "random", "count": 200}, counts=(150, 50)
    )

    for name, each in points.items():
        fan_in = SHAPES[kind][name.replace("bias", "weight")][-1]
        bound = fan_in**-0.5
        assert each.abs().max() <= bound
        assert each.square().mean().item() == pytest.approx(bound**2 / 3, rel=0.1)
        assert len(each.flatten(1).unique(dim=0)) == 200
