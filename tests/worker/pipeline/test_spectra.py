"""Spectra of every matrix and of blocks, against dense matrices by ``torch.func``."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from typing_extensions import override

from service.schemas.reports import SpectrumReport, Vectors
from tests.support.numerics.dense_matrices import Dense
from tests.support.shards.pipelines import run_job

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
    report = run_job(body, folder, counts=(1, 1), dense_limit=dense_limit)
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
        if spectrum.get("eigenvectors"):
            check_eigenvectors(folder, row, point.spectrum, matrix)
        found.append((point.spectrum, torch.linalg.eigvalsh(matrix)))
    return found


def check_eigenvectors(
    folder: Path, row: int, found: SpectrumReport, matrix: Tensor
) -> None:
    """``A v = lambda v`` for unit vectors orthogonal to each other."""
    vectors = load_file(folder / "eigenvectors.safetensors")
    scale = float(torch.linalg.matrix_norm(matrix, 2))
    for end, values in (("largest", found.largest), ("smallest", found.smallest)):
        rows = vectors[end][row]
        assert rows.shape == (len(values), len(matrix))
        image = torch.tensor(values, dtype=matrix.dtype)[:, None] * rows
        assert torch.allclose(rows @ matrix, image, rtol=0.0, atol=1e-7 * scale)
        identity = torch.eye(len(values), dtype=matrix.dtype)
        assert torch.allclose(rows @ rows.T, identity, rtol=0.0, atol=1e-10)


@pytest.mark.parametrize("dense_limit", [2000, 0], ids=["formed", "by products"])
@pytest.mark.parametrize("part", ["whole", "block"])
@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_eigenvalues_are_those_of_the_matrix_asked_for(
    case: Case, matrix: str, part: str, dense_limit: int, tmp_path: Path
) -> None:
    pattern = case.block if part == "block" else None
    wanted = {"matrix": matrix, "parameters": pattern, "top": 3, "eigenvectors": True}

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


@pytest.mark.parametrize("part", ["whole", "block"])
def test_the_kernel_that_few_samples_leave_is_not_searched_for(
    part: str, tmp_path: Path
) -> None:
    case = CASES["cross-entropy with a penalty"]
    case = replace(case, transforms=[{"kind": "subset", "count": 2}])
    pattern = case.block if part == "block" else None
    wanted = {"matrix": "gauss_newton", "parameters": pattern, "top": 3}

    for found, truth in spectra(case, wanted, tmp_path, dense_limit=0):
        assert found.smallest == [0.04] * 3
        assert found.smallest == pytest.approx(truth[:3].tolist(), abs=1e-12)
        assert found.largest == pytest.approx(truth.flip(0)[:3].tolist())
        assert found.residual_bounds.smallest == [0.0] * 3
        assert found.converged

    wanted["eigenvectors"] = True
    for found, _ in spectra(case, wanted, tmp_path / "vectors", dense_limit=0):
        assert found.smallest == [0.04] * 3
        assert found.converged


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


def test_a_density_comes_with_errors_and_outliers(tmp_path: Path) -> None:
    case = CASES["mse"]
    density = {"steps": 20, "probes": 6, "broadening": 0.01}
    wanted = {"matrix": "hessian", "parameters": None, "top": 2, "density": density}

    for found, truth in spectra(case, wanted, tmp_path, dense_limit=0):
        assert found.density is not None
        assert found.density.broadening == 0.01
        assert np.trapezoid(found.density.values, found.density.grid) == pytest.approx(
            1.0, abs=1e-6
        )
        assert found.density.outliers
        assert {*found.density.outliers} <= {*found.largest, *found.smallest}
        assert found.trace is not None
        assert found.trace_standard_error is not None
        assert abs(found.trace - float(truth.sum())) < 5 * found.trace_standard_error
        norm, error = found.frobenius_norm, found.frobenius_norm_standard_error
        assert norm is not None
        assert error is not None
        assert abs(norm - float(truth.norm())) < 5 * error
        assert found.index is not None
        assert found.index.method == "estimated"
        assert found.index.interval is not None
        fraction = float((truth < -1e-5).double().mean())
        assert found.index.interval.low <= fraction <= found.index.interval.high
        assert found.vectors == Vectors(precision="float64", device="cpu")


@pytest.mark.parametrize("dense_limit", [2000, 0], ids=["formed", "by products"])
def test_a_density_may_be_all_that_is_asked_for(
    dense_limit: int, tmp_path: Path
) -> None:
    density = {"steps": 20, "probes": 6}
    wanted = {
        "matrix": "hessian",
        "parameters": None,
        "extremes": False,
        "density": density,
    }

    for found, truth in spectra(
        CASES["mse"], wanted, tmp_path, dense_limit=dense_limit
    ):
        assert (found.largest, found.smallest) == ([], [])
        assert found.converged
        assert found.density is not None
        assert found.density.outliers == []
        assert found.index is not None
        assert found.index.interval is not None
        fraction = float((truth < -1e-5).double().mean())
        assert found.index.interval.low <= fraction <= found.index.interval.high
        made = len(truth) if dense_limit else 6 * 20
        assert found.hessian_vector_products == made


@pytest.mark.parametrize("dense_limit", [2000, 0], ids=["formed", "by products"])
def test_linear_autoencoders_have_gauss_newton_matrices_too(
    dense_limit: int, tmp_path: Path
) -> None:
    body = {
        "problem": {
            "kind": "linear_autoencoder",
            "input_size": 5,
            "hidden_size": 2,
            "samples": 40,
        },
        "starts": {"kind": "random", "count": 2},
        "finder": {"kind": "none"},
        "spectrum": {"kind": "lanczos", "matrix": "gauss_newton", "top": 3},
        "keep_dataset": True,
    }

    report = run_job(body, tmp_path, counts=(1, 1), dense_limit=dense_limit)

    folder = next(tmp_path.rglob("report.json")).parent
    points = load_file(folder / "points.safetensors")
    x = load_file(folder / "dataset.safetensors")["x"]
    for row, point in enumerate(report.points):
        weights = tuple(
            points[f"{name}.weight"][row].double() for name in ("encoder", "decoder")
        )
        jacobians = torch.autograd.functional.jacobian(
            lambda encoder, decoder: (x @ encoder.T @ decoder.T).flatten(), weights
        )
        jacobian = torch.cat([torch.as_tensor(j).flatten(1) for j in jacobians], dim=1)
        truth = torch.linalg.eigvalsh(2 / x.numel() * jacobian.T @ jacobian)
        assert point.spectrum is not None
        scale = float(truth[-1])
        assert point.spectrum.largest == pytest.approx(
            truth.flip(0)[:3].tolist(), abs=1e-8 * scale
        )
        assert point.spectrum.smallest == pytest.approx(
            truth[:3].tolist(), abs=1e-8 * scale
        )


def test_eigenvectors_name_their_parameters_and_spare_failed_starts(
    tmp_path: Path,
) -> None:
    power = {"coefficient": 1.0, "powers": [32, 0]}
    square = {"coefficient": 2.0, "powers": [0, 2]}
    body = {
        "problem": {"kind": "polynomial", "variables": 2, "terms": [power, square]},
        "starts": {"kind": "explicit", "points": [[1e12, 0.0], [0.0, 1.0]]},
        "finder": {"kind": "none"},
        "spectrum": {"kind": "lanczos", "top": 2, "eigenvectors": True},
    }

    report = run_job(body, tmp_path, counts=(1, 1))

    assert [point.label == "failed" for point in report.points] == [True, False]
    assert "eigenvectors.safetensors" in {each.name for each in report.artifacts}
    with safe_open(tmp_path / "eigenvectors.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["parameters"]) == ["x"]
        largest, smallest = file.get_tensor("largest"), file.get_tensor("smallest")
    assert largest[0].isnan().all()
    assert largest[1].abs().tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert smallest[1].abs().tolist() == [[1.0, 0.0], [0.0, 1.0]]
