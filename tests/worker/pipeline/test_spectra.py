"""Spectra of every matrix and of blocks, against dense matrices by ``torch.func``."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from typing_extensions import override

from service.schemas.reports import SpectrumReport
from tests.support.dense_matrices import Dense
from tests.support.pipelines import run_job

MATRICES = ("hessian", "gauss_newton", "fisher")


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 5), nn.Linear(5, 3)])

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.layers[1](torch.tanh(self.layers[0](x)))


def convolution() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 3, 2), nn.SiLU(), nn.Flatten(), nn.Linear(3, 3), nn.Tanh()
    )


@dataclass(frozen=True)
class Case:
    """A network as a job names it and as PyTorch does; a pattern for some of it."""

    architecture: dict[str, Any]
    module: Callable[[], nn.Module]
    loss: dict[str, Any]
    transforms: list[dict[str, Any]]
    block: str


CASES = {
    "mse": Case(
        architecture={"kind": "mlp", "sizes": [4, 5, 3], "activation": "tanh"},
        module=Mlp,
        loss={"kind": "mse"},
        transforms=[{"kind": "flatten"}, {"kind": "one_hot", "classes": 3}],
        block="layers.1.*",
    ),
    "cross-entropy with a penalty": Case(
        architecture={
            "kind": "sequential",
            "layers": [
                {
                    "kind": "conv2d",
                    "in_channels": 1,
                    "out_channels": 3,
                    "kernel_size": 2,
                },
                {"kind": "swish"},
                {"kind": "flatten"},
                {"kind": "linear", "in_features": 3, "out_features": 3},
                {"kind": "tanh"},
            ],
        },
        module=convolution,
        loss={"kind": "cross_entropy", "l2": 0.02},
        transforms=[],
        block="*.weight",
    ),
}


def spectra(
    case: Case, spectrum: dict[str, Any], folder: Path, *, dense_limit: int
) -> list[tuple[SpectrumReport, Tensor]]:
    """What a job finds at two random points, each with all true eigenvalues."""
    body = {
        "problem": {
            "kind": "network",
            "architecture": case.architecture,
            "dataset": {
                "kind": "builtin",
                "name": "digits",
                "transforms": [
                    {"kind": "subset", "classes": [0, 1, 2], "count": 40},
                    {"kind": "resize", "size": 2},
                    {"kind": "standardize"},
                    *case.transforms,
                ],
            },
            "loss": case.loss,
        },
        "starts": {"kind": "random", "count": 2},
        "finder": {"kind": "none"},
        "spectrum": {"kind": "lanczos", **spectrum},
        "keep_dataset": True,
    }
    report = run_job(body, folder, counts=(2,), dense_limit=dense_limit)
    data = load_file(folder / "dataset.safetensors")
    points = load_file(folder / "points.safetensors")
    dense = Dense(
        module=case.module(),
        x=data["x"],
        y=data["y"],
        loss=case.loss["kind"],
        l2=case.loss.get("l2", 0.0),
    )
    found: list[tuple[SpectrumReport, Tensor]] = []
    for row, point in enumerate(report.points):
        assert point.spectrum is not None
        matrix = dense.matrix(
            spectrum["matrix"],
            {name: tensor[row] for name, tensor in points.items()},
            spectrum["parameters"],
        )
        found.append((point.spectrum, torch.linalg.eigvalsh(matrix)))
    return found


@pytest.mark.parametrize("dense_limit", [2000, 0], ids=["formed", "by products"])
@pytest.mark.parametrize("part", ["whole", "block"])
@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_eigenvalues_are_those_of_the_matrix_asked_for(
    case: Case, matrix: str, part: str, dense_limit: int, tmp_path: Path
) -> None:
    pattern = case.block if part == "block" else None
    wanted = {"matrix": matrix, "parameters": pattern, "top": 3}

    for found, truth in spectra(case, wanted, tmp_path, dense_limit=dense_limit):
        tolerance = 1e-8 * float(truth.abs().max())
        assert found.largest == pytest.approx(truth.flip(0)[:3].tolist(), abs=tolerance)
        assert found.smallest == pytest.approx(truth[:3].tolist(), abs=tolerance)
        assert found.converged
        assert found.converged_values.largest == [True] * 3
        assert (found.matrix, found.parameters) == (matrix, pattern)
        assert found.order == len(truth)
        assert found.method == ("exact" if dense_limit else "lanczos")
        assert any("equals" in note for note in found.notes) == (matrix == "fisher")


@pytest.mark.parametrize("matrix", MATRICES)
def test_all_of_a_formed_matrix_is_known(matrix: str, tmp_path: Path) -> None:
    case = CASES["mse"]
    wanted = {"matrix": matrix, "parameters": case.block, "top": 1}

    for found, truth in spectra(case, wanted, tmp_path, dense_limit=2000):
        assert found.trace == pytest.approx(float(truth.sum()))
        assert found.frobenius_norm == pytest.approx(float(truth.norm()))
        assert found.index is not None
        assert found.index.method == "exact"
        assert found.index.negative == int((truth < -1e-5).sum())
        assert found.index.positive == int((truth > 1e-5).sum())
