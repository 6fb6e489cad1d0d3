from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from worker.networks import layers
from worker.networks.activations import ACTIVATIONS, activation
from worker.networks.architectures import (
    DenseLayer,
    dense_layers,
    mlp,
    nonsmooth_layers,
    sequential,
)
from worker.networks.initialisation import initialise
from worker.networks.losses import cross_entropy, mse
from worker.networks.weights import ParameterLayout


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    layout = ParameterLayout.of(module)
    return dict(zip(layout.names, layout.shapes, strict=True))


def convolutional() -> nn.Sequential:
    return sequential(
        [
            layers.conv2d(1, 3, kernel_size=3, padding=[1, 0], stride=(1, 2)),
            activation("swish"),
            layers.Residual(
                [layers.conv2d(3, 4, kernel_size=3, padding=1), activation("gelu")],
                [layers.conv2d(3, 4, kernel_size=1, bias=False)],
            ),
            layers.avg_pool2d(kernel_size=2, padding=1),
            layers.max_pool2d(kernel_size=2, stride=1),
            layers.flatten(),
            layers.layer_norm([24]),
            layers.linear(24, 5),
        ]
    )


def test_names_and_shapes_are_those_of_the_contract() -> None:
    assert shapes(mlp([4, 3, 2], "tanh")) == {
        "layers.0.weight": (3, 4),
        "layers.0.bias": (3,),
        "layers.1.weight": (2, 3),
        "layers.1.bias": (2,),
    }
    assert list(shapes(mlp([4, 3, 2], "tanh", bias=False))) == [
        "layers.0.weight",
        "layers.1.weight",
    ]
    assert list(shapes(convolutional())) == [
        "0.weight",
        "0.bias",
        "2.layers.0.weight",
        "2.layers.0.bias",
        "2.shortcut.0.weight",
        "6.weight",
        "6.bias",
        "7.weight",
        "7.bias",
    ]


def test_mlp_has_its_activation_between_layers_and_none_after_the_last() -> None:
    network = mlp([3, 4, 2], "swish").to_empty(device="cpu").double()
    layout = ParameterLayout.of(network)
    theta = torch.randn(1, layout.parameters, dtype=torch.float64)
    named = {k: v[0] for k, v in layout.unflatten(theta).items()}
    x = torch.randn(5, 3, dtype=torch.float64)
    hidden = x @ named["layers.0.weight"].T + named["layers.0.bias"]
    hidden = hidden / (1 + torch.exp(-hidden))
    expected = hidden @ named["layers.1.weight"].T + named["layers.1.bias"]
    torch.testing.assert_close(
        torch.func.functional_call(network, named, (x,)), expected
    )


def test_residual_adds_its_input_or_its_shortcut() -> None:
    x = torch.randn(2, 3)
    block = layers.Residual([activation("tanh")])
    torch.testing.assert_close(block(x), x.tanh() + x)
    block = layers.Residual([activation("tanh")], [activation("sigmoid")])
    torch.testing.assert_close(block(x), x.tanh() + x.sigmoid())


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activation_derivatives_are_those_of_autograd(name: str) -> None:
    z = torch.cat(
        [
            torch.linspace(-40, 40, 161, dtype=torch.float64) + 1e-3,
            torch.randn(50, dtype=torch.float64),
        ]
    ).requires_grad_()
    (first,) = torch.autograd.grad(activation(name)(z).sum(), z, create_graph=True)
    second = torch.zeros_like(z)
    if first.requires_grad:
        (second,) = torch.autograd.grad(first.sum(), z)
    mine = ACTIVATIONS[name].derivatives(z.detach())
    torch.testing.assert_close(mine[0], first.detach(), rtol=1e-13, atol=1e-15)
    torch.testing.assert_close(mine[1], second, rtol=1e-12, atol=1e-14)


def test_layers_that_are_not_twice_differentiable_are_named() -> None:
    assert nonsmooth_layers(mlp([2, 2, 2], "swish")) == []
    assert nonsmooth_layers(mlp([2, 2, 2], "elu")) == ["elu"]
    assert nonsmooth_layers(convolutional()) == ["max_pool2d"]
    inner = sequential([layers.Residual([activation("relu")])])
    assert nonsmooth_layers(inner) == ["relu"]


@pytest.mark.parametrize("build", [lambda: mlp([5, 4, 3], "relu"), convolutional])
def test_initialisation_follows_pytorch(build: Callable[[], nn.Module]) -> None:
    network = build()
    generator = torch.Generator().manual_seed(3)
    theta = initialise(network, generator)
    assert theta.dtype == torch.float64
    # PyTorch's own reset in double precision, from the same stream of draws.
    concrete = build().to_empty(device="cpu").double()
    reference = torch.Generator().manual_seed(3)
    with torch.random.fork_rng():
        torch.random.set_rng_state(reference.get_state())
        for layer in concrete.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.LayerNorm):
                layer.reset_parameters()
    expected = torch.cat([p.detach().flatten() for p in concrete.parameters()])
    torch.testing.assert_close(theta, expected, rtol=1e-14, atol=0.0)


def test_initialisation_refuses_layers_without_a_rule() -> None:
    with pytest.raises(TypeError, match="Bilinear"):
        initialise(nn.Bilinear(2, 2, 2), torch.Generator())


def test_losses_sum_over_samples(generator: torch.Generator) -> None:
    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    outputs, targets = draw(7, 3), draw(7, 3)
    classes = torch.randint(0, 3, (7,), generator=generator)
    torch.testing.assert_close(
        mse(outputs, targets) / 7, (outputs - targets).square().mean()
    )
    exact = -outputs.softmax(1)[torch.arange(7), classes].log().mean()
    torch.testing.assert_close(cross_entropy(outputs, classes) / 7, exact)
    parts = sum(mse(outputs[i : i + 2], targets[i : i + 2]) for i in range(0, 7, 2))
    torch.testing.assert_close(torch.as_tensor(parts), mse(outputs, targets))


def test_fully_connected_networks_are_recognised() -> None:
    def found(*children: nn.Module, vectors: bool = True) -> list[str] | None:
        dense = dense_layers(sequential(children), vectors=vectors)
        return None if dense is None else [layer.activation for layer in dense]

    first, last = layers.linear(4, 3), layers.linear(3, 2, bias=False)
    tanh = activation("tanh")
    assert found(first, tanh, last) == ["tanh", "identity"]
    assert found(first, last) == ["identity", "identity"]
    assert found(layers.flatten(), first, tanh, last, vectors=False) is not None
    assert found(first, tanh, last, vectors=False) is None
    assert found(first, tanh, last, tanh) is None
    assert found(first, tanh, tanh, last) is None
    assert found(tanh, first) is None
    assert found(first, layers.layer_norm([3]), last) is None
    assert found(tanh) is None
    assert dense_layers(layers.Residual([first]), vectors=True) is None
    dense = dense_layers(mlp([4, 3, 2], "gelu"), vectors=True)
    assert dense == [
        DenseLayer(weight="layers.0.weight", bias="layers.0.bias", activation="gelu"),
        DenseLayer(
            weight="layers.1.weight", bias="layers.1.bias", activation="identity"
        ),
    ]
