"""Losses of networks and their derivatives against PyTorch's own modules.

The reference differentiates those twice, for one run at a time, and shares no code with
the objective: convolutions, pools, norms and attention are PyTorch's.
"""

from dataclasses import dataclass

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from service.resolution.parameters import network_entries
from service.resolution.weights.structure import by_structure
from service.schemas.architectures import Architecture
from service.schemas.problems import Source
from tests.support.pytorch.layers import LAYERS
from tests.support.pytorch.networks import NETWORKS, Network, drawn
from worker.build.networks import network
from worker.networks.buffers import buffer_layout, with_buffers
from worker.networks.weights import ParameterLayout
from worker.objectives.network import NetworkObjective

ARCHITECTURE: TypeAdapter[Architecture] = TypeAdapter(Architecture)
CASES = [(name, loss) for name in LAYERS for loss in ("mse", "cross_entropy")] + [
    (name, "cross_entropy") for name in ("resnet", "norms first", "bert", "gpt")
]
L2 = 0.01


@dataclass(frozen=True)
class Reference:
    """The loss of a module at flat vectors of its parameters.

    Attributes:
        module: The module.
        layout: Parameters in the order of the vector.
        names: Ours to the module's.
        x: Inputs.
        y: Targets.
    """

    module: nn.Module
    layout: ParameterLayout
    names: dict[str, Source]
    x: Tensor
    y: Tensor

    def loss(self, theta: Tensor) -> Tensor:
        named = {
            uploaded: part
            for ours, piece in self.layout.unflatten(theta[None]).items()
            for uploaded, part in self._parts(ours, piece[0])
        }
        with sdpa_kernel(SDPBackend.MATH):  # others have no second derivatives
            outputs = torch.func.functional_call(self.module, named, (self.x,))
        penalty = L2 * theta.square().sum()
        if self.y.is_floating_point():
            return functional.mse_loss(outputs, self.y) + penalty
        classes = outputs.movedim(-1, 1)
        return functional.cross_entropy(classes, self.y) + penalty

    def product(self, theta: Tensor, vector: Tensor) -> Tensor:
        leaf = theta.clone().requires_grad_()
        (slope,) = torch.autograd.grad(self.loss(leaf), leaf, create_graph=True)
        (product,) = torch.autograd.grad(slope @ vector, leaf)
        return product

    def gradient(self, theta: Tensor) -> Tensor:
        leaf = theta.clone().requires_grad_()
        return torch.autograd.grad(self.loss(leaf), leaf)[0]

    def _parts(self, ours: str, tensor: Tensor) -> list[tuple[str, Tensor]]:
        source = self.names[ours]
        if isinstance(source, str):
            return [(source, tensor)]
        return list(zip(source, tensor.chunk(len(source)), strict=True))


def flat(
    module: nn.Module, layout: ParameterLayout, names: dict[str, Source]
) -> Tensor:
    """The module's tensors as a vector in our order."""
    state = module.state_dict()
    tensors = {
        ours: torch.cat([state[name] for name in source])
        if isinstance(source, list)
        else state[source]
        for ours, source in names.items()
    }
    return layout.flatten({name: tensors[name][None] for name in layout.names})[0]


def prepared(case: Network, loss: str) -> tuple[Reference, NetworkObjective, Tensor]:
    """The reference, the objective, and two points that share their statistics."""
    first, second = (drawn(case.module(), seed) for seed in range(2))
    architecture = ARCHITECTURE.validate_python(
        {"kind": "sequential", "layers": case.layers}
    )
    state = {
        name: tensor
        for name, tensor in first.state_dict().items()
        if tensor.is_floating_point()
    }
    names = by_structure(
        network_entries(architecture),
        {name: tuple(tensor.shape) for name, tensor in state.items()},
    )
    assert isinstance(names, dict)
    ours = network(architecture)
    layout, buffers = ParameterLayout.of(ours), buffer_layout(ours)
    values = {}
    if buffers.names:
        values = buffers.unflatten(flat(first, buffers, names)[None])
    x = case.inputs(5)
    with torch.no_grad():
        outputs = first(x)
    generator = torch.Generator().manual_seed(1)
    y = torch.randn(outputs.shape, generator=generator).double()
    if loss == "cross_entropy":
        y = y.argmax(-1)
    objective = NetworkObjective(
        module=with_buffers(ours, {name: each[0] for name, each in values.items()}),
        x=x.double(),
        y=y,
        loss=loss,
        l2=L2,
    )
    theta = torch.stack([flat(each, layout, names) for each in (first, second)])
    return Reference(first, layout, names, x, y), objective, theta


@pytest.mark.parametrize(("name", "loss"), CASES)
def test_values_and_derivatives(name: str, loss: str) -> None:
    reference, objective, theta = prepared((LAYERS | NETWORKS)[name], loss)
    generator = torch.Generator().manual_seed(2)
    vectors = torch.randn(theta.shape, generator=generator).double()

    at = objective.linearise(theta)
    formed = at.hessian.dense()

    expected = torch.stack([reference.loss(row) for row in theta])
    slopes = torch.stack([reference.gradient(row) for row in theta])
    products = torch.stack(
        [reference.product(*pair) for pair in zip(theta, vectors, strict=True)]
    )
    close(at.value, expected.detach())
    close(at.gradient, slopes)
    close(objective.gradient(theta)[1], slopes)
    close(at.hessian.matvec(vectors), products)
    close((formed @ vectors[:, :, None])[:, :, 0], products)
    assert torch.equal(formed, formed.mT)


def close(found: Tensor, expected: Tensor) -> None:
    """Equal to rounding, relative to the largest entry."""
    scale = float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-11 * scale)
