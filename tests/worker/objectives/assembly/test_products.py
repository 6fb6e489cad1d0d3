import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn
from typing_extensions import override

from tests.support.numerics.assemblies import check, draw, problem
from worker.networks import layers
from worker.networks.activations import ACTIVATIONS, activation
from worker.networks.architectures import sequential
from worker.networks.buffers import moved_buffers
from worker.objectives.assembly.products import ProductAssembly

BUDGETS = [1, 2**20, 2**30]


@settings(deadline=None, max_examples=30)
@given(
    width=st.integers(1, 4),
    layered=st.booleans(),
    affine=st.booleans(),
    kind=st.sampled_from(sorted(ACTIVATIONS)),
    loss=st.sampled_from(["mse", "cross_entropy"]),
    samples=st.integers(1, 12),
    runs=st.integers(1, 3),
    budget=st.sampled_from(BUDGETS),
)
def test_hessians_of_random_networks_of_vectors_are_those_of_autograd(
    *,
    device: torch.device,
    width: int,
    layered: bool,
    affine: bool,
    kind: str,
    loss: str,
    samples: int,
    runs: int,
    budget: int,
) -> None:
    def normed(features: int) -> nn.Module:
        if layered:
            return layers.layer_norm([features], affine=affine)
        return layers.batch_norm(features, affine=affine)

    inner = [layers.linear(width, width), activation(kind), normed(width)]
    module = sequential(
        [
            layers.linear(3, width),
            normed(width),
            layers.Residual(
                [*inner, layers.Residual([layers.linear(width, width, bias=False)])],
                [layers.linear(width, width)],
            ),
            activation(kind),
            layers.linear(width, 2),
        ]
    )
    x = draw(samples, 3).to(device)
    module = moved_buffers(module, x.device, x.dtype)
    check(module, x, loss, ProductAssembly, runs=runs, budget=budget)


class Doubled(nn.Module):
    """Not a layer that is known."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


ONE = layers.linear(3, 3)
OTHERS: dict[str, tuple[nn.Module, Tensor]] = {
    "a module of one's own": (
        sequential([layers.linear(3, 3), Doubled(), layers.linear(3, 2)]),
        draw(4, 3),
    ),
    "no linear layer": (
        sequential([layers.conv1d(2, 2, kernel_size=1), layers.flatten()]),
        draw(4, 2, 2),
    ),
    "groups and maxima": (
        sequential(
            [
                layers.conv2d(2, 4, kernel_size=2, groups=2),
                activation("swish"),
                layers.max_pool2d(kernel_size=2),
                layers.flatten(),
                layers.linear(4, 3),
            ]
        ),
        draw(4, 2, 3, 3),
    ),
    "attention and norms": (
        sequential(
            [
                layers.positional_embedding(3, 4),
                layers.Residual([layers.layer_norm([4]), layers.attention(4, 2)]),
                layers.mean_positions(),
                layers.linear(4, 5),
                activation("gelu"),
                layers.linear(5, 2),
            ]
        ),
        draw(4, 3, 4),
    ),
    "outputs at every position": (
        sequential([layers.linear(2, 3), activation("tanh"), layers.linear(3, 2)]),
        draw(4, 3, 2),
    ),
    "shared weights": (
        sequential([ONE, activation("tanh"), ONE, layers.linear(3, 2)]),
        draw(4, 3),
    ),
}


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("name", list(OTHERS))
def test_hessians_of_any_network_are_those_of_autograd(
    device: torch.device, name: str, loss: str, budget: int
) -> None:
    module, x = OTHERS[name]
    check(module, x.to(device), loss, ProductAssembly, runs=2, budget=budget)


def test_only_maps_of_vectors_with_weights_of_their_own_need_no_products() -> None:
    found = {
        name: [each.weight for each in problem(module, x, "mse").linear_maps()]
        for name, (module, x) in OTHERS.items()
    }
    assert found == {
        "a module of one's own": ["0.weight", "2.weight"],
        "no linear layer": [],
        "groups and maxima": ["4.weight"],
        "attention and norms": ["3.weight", "5.weight"],
        "outputs at every position": [],
        "shared weights": ["3.weight"],
    }
