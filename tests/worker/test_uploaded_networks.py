"""Networks saved by PyTorch are, once uploaded, the same functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from service.resolution.files import FileSummary
from service.resolution.resolution import Resolution, resolve
from service.schemas.files import Purpose
from service.tensors.header import parse_header
from service.tensors.summaries import summarise
from tests.support.pytorch.networks import NETWORKS, Network, drawn
from tests.support.requests.requests import DATA, LIMITS, WEIGHTS, network, request
from worker import build
from worker.errors import RunError
from worker.networks.weights import write


@dataclass(frozen=True)
class Uploads:
    """A network's weights and data in files; the targets are zero."""

    case: Network
    x: Tensor
    weights: Path
    dataset: Path

    @classmethod
    def of(
        cls, case: Network, tensors: Mapping[str, Tensor], folder: Path
    ) -> "Uploads":
        weights, dataset = folder / "weights", folder / "dataset"
        save_file({name: each.contiguous() for name, each in tensors.items()}, weights)
        x = case.inputs(4)
        y = torch.zeros_like(outputs(drawn(case.module()), x))
        save_file({"x": x, "y": y}, dataset)
        return cls(case=case, x=x, weights=weights, dataset=dataset)

    def resolve(self, **changes: object) -> Resolution:
        body = network(*self.case.layers, loss={"kind": "mse"}, **changes)
        files = {
            WEIGHTS: summary(self.weights, "weights"),
            DATA: summary(self.dataset, "dataset"),
        }
        return resolve(request(body), files, LIMITS)

    def build(self, found: Resolution, *starts: int) -> build.Built:
        assert found.resolved is not None, found.findings
        return build.problem(
            found.resolved,
            weights=self.weights,
            dataset=self.dataset,
            starts=starts or (0,),
            device=torch.device("cpu"),
            memory_budget_bytes=2**26,
        )


def summary(path: Path, purpose: Purpose) -> FileSummary:
    tensors = summarise(path, parse_header(path, purpose=purpose))
    return FileSummary(purpose=purpose, tensors=tensors)


def outputs(module: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return module(x)


def losses(problem: build.Built) -> Tensor:
    assert problem.uploaded is not None
    return problem.objective.value(problem.uploaded)


@pytest.mark.parametrize("name", NETWORKS)
def test_usual_names_need_no_map(name: str, tmp_path: Path) -> None:
    case = NETWORKS[name]
    module = drawn(case.module())
    uploads = Uploads.of(case, module.state_dict(), tmp_path)

    problem = uploads.build(uploads.resolve())

    expected = outputs(module, uploads.x).square().mean()
    torch.testing.assert_close(losses(problem)[0], expected, rtol=1e-12, atol=0.0)


def test_matrices_the_other_way_round_are_refused_by_name(tmp_path: Path) -> None:
    """As in transformers' GPT-2; only matrices of no other layer's shape can tell."""
    case = NETWORKS["gpt"]
    tensors = {
        name: tensor.T if "c_" in name and name.endswith("weight") else tensor
        for name, tensor in drawn(case.module()).state_dict().items()
    }
    position = "transformer.wpe.weight"
    tensors[position] = tensors[position][None]

    found = Uploads.of(case, tensors, tmp_path).resolve()

    assert found.resolved is None
    details = [error.detail for error in found.findings]
    for block in range(2):
        name = f"transformer.h.{block}.attn.c_attn.weight"
        assert any(f"Transposed: {name} [4, 12]." in each for each in details)
    assert f"Leading dimension of one: {position} [1, 6, 4]. Leave it out." in details


@pytest.mark.parametrize("name", ["resnet", "bert"])
def test_points_are_written_as_they_were_uploaded(name: str, tmp_path: Path) -> None:
    """Under the same names, joined tensors apart, statistics with them."""
    case = NETWORKS[name]
    tensors = drawn(case.module()).state_dict()
    uploads = Uploads.of(case, tensors, tmp_path)
    problem = uploads.build(uploads.resolve())
    assert problem.uploaded is not None

    write(
        tmp_path / "points",
        problem.layout,
        problem.uploaded,
        parameter_map=problem.parameter_map,
        buffers=problem.buffers,
    )

    expected = {k: t[None] for k, t in tensors.items() if t.is_floating_point()}
    found = load_file(tmp_path / "points")
    assert found.keys() == expected.keys()
    assert all(found[key].equal(tensor) for key, tensor in expected.items())


def test_starts_with_different_statistics_cannot_share_a_shard(tmp_path: Path) -> None:
    case = NETWORKS["two lists"]
    states = [drawn(case.module(), seed).state_dict() for seed in range(2)]
    stack = {key: torch.stack([state[key] for state in states]) for key in states[0]}
    uploads = Uploads.of(case, stack, tmp_path)
    found = uploads.resolve(stacked=True)

    with pytest.raises(RunError, match="different statistics"):
        uploads.build(found, 0, 1)


@pytest.mark.parametrize("name", ["resnet", "bert", "norms last"])
def test_every_point_of_a_stack_has_its_own_statistics(
    name: str, tmp_path: Path
) -> None:
    case = NETWORKS[name]
    modules = [drawn(case.module(), seed) for seed in range(3)]
    stack = {
        key: torch.stack([module.state_dict()[key] for module in modules])
        for key in modules[0].state_dict()
    }
    uploads = Uploads.of(case, stack, tmp_path)

    found = uploads.resolve(stacked=True)

    for start, module in enumerate(modules):
        loss = losses(uploads.build(found, start))[start]
        expected = outputs(module, uploads.x).square().mean()
        torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0.0)
    assert found.apart == (name == "resnet")
