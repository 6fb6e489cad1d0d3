import pytest
import torch
from torch import Tensor, nn

from worker.networks import layers
from worker.networks.activations import ACTIVATIONS, activation, activation_name
from worker.networks.architectures import mlp, sequential
from worker.networks.curved import Curved, with_curvature
from worker.networks.weights import ParameterLayout

BENT = [name for name, entry in ACTIVATIONS.items() if entry.bends]


def draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(*shape, generator=generator, dtype=torch.float64)


def derivatives(function: nn.Module, z: Tensor, *, mapped: bool) -> list[Tensor]:
    """Values, slopes, and products with the curvature of a function of the values."""
    leaf = z.clone().requires_grad_()
    values = torch.vmap(function)(leaf) if mapped else function(leaf)
    (slope,) = torch.autograd.grad(values.square().sum(), leaf, create_graph=True)
    (product,) = torch.autograd.grad(slope, leaf, draw(*z.shape, seed=1))
    return [values.detach(), slope.detach(), product]


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("name", BENT)
def test_derivatives_are_those_of_autograd(name: str, *, mapped: bool) -> None:
    module, z = activation(name), draw(5, 7)
    curved = with_curvature(module)
    assert isinstance(curved, Curved)
    torch.testing.assert_close(
        derivatives(curved, z, mapped=mapped), derivatives(module, z, mapped=False)
    )


def test_many_products_at_once_are_those_one_by_one() -> None:
    curved, leaf = with_curvature(activation("gelu")), draw(4, 3).requires_grad_()
    values = curved(leaf).square().sum()
    (slope,) = torch.autograd.grad(values, leaf, create_graph=True)
    vectors = draw(6, 4, 3, seed=1)

    def products(vector: Tensor, *, batched: bool) -> Tensor:
        (found,) = torch.autograd.grad(
            slope, leaf, vector, retain_graph=True, is_grads_batched=batched
        )
        return found

    one_by_one = torch.stack([products(each, batched=False) for each in vectors])
    torch.testing.assert_close(products(vectors, batched=True), one_by_one)


def test_networks_keep_their_parameters_and_themselves() -> None:
    chain = [layers.Residual([layers.linear(3, 3), activation("tanh")])]
    for module in (sequential(chain), mlp([3, 4, 2], "swish")):
        text = repr(module)
        curved = with_curvature(module)
        assert ParameterLayout.of(curved) == ParameterLayout.of(module)
        assert any(isinstance(each, Curved) for each in curved.modules())
        assert repr(module) == text


def test_activations_with_other_constants_are_left_alone() -> None:
    module = nn.GELU(approximate="tanh")
    assert activation_name(module) is None
    assert with_curvature(module).approximate == "tanh"
    assert isinstance(with_curvature(activation("relu")), nn.ReLU)
