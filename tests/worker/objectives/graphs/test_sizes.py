"""What a gradient's graph keeps of a sample is foreseen by the service."""

import pytest
import torch
from pydantic import TypeAdapter

from service.resolution.data.samples import Integers
from service.resolution.findings import ROOT, Findings
from service.resolution.shapes.flow import follow
from service.schemas.architectures import Architecture
from tests.support.pytorch.layers import LAYERS
from tests.support.pytorch.networks import NETWORKS
from worker.build.networks import network
from worker.networks.buffers import moved_buffers
from worker.networks.curved import with_curvature
from worker.networks.losses import LOSSES
from worker.networks.weights import ParameterLayout
from worker.objectives.graphs.graphs import NetworkLoss
from worker.objectives.graphs.sizes import graph_size

ARCHITECTURE: TypeAdapter[Architecture] = TypeAdapter(Architecture)
CASES = LAYERS | NETWORKS
ITEM = 8


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("name", CASES)
def test_it_is_foreseen(name: str, loss: str) -> None:
    case = CASES[name]
    architecture = ARCHITECTURE.validate_python(
        {"kind": "sequential", "layers": case.layers}
    )
    levels = None if case.integers is None else Integers(low=0, high=case.integers - 1)
    flow = follow(architecture, case.sample, ROOT, Findings(), integers=levels)
    assert flow is not None
    x = case.inputs(9).double()
    y = torch.zeros(9, *flow.output, dtype=x.dtype)
    module = moved_buffers(network(architecture), x.device, x.dtype)

    size = graph_size(
        NetworkLoss(
            module=module,
            curved=with_curvature(module),
            layout=ParameterLayout.of(module),
            loss=LOSSES[loss],
            x=x,
            y=y.argmax(-1) if loss == "cross_entropy" else y,
        )
    )

    assert size.per_sample <= ITEM * flow.kept <= 2 * size.per_sample
