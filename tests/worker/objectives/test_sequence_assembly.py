import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn
from torch.autograd import functional
from typing_extensions import override

from worker.networks import layers
from worker.networks.activations import ACTIVATIONS, activation
from worker.networks.architectures import sequential
from worker.networks.curved import with_curvature
from worker.networks.losses import LOSSES
from worker.networks.weights import ParameterLayout
from worker.objectives.assembly import assembly_of
from worker.objectives.graphs import NetworkLoss
from worker.objectives.sequence_assembly import SequenceAssembly


def draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def outputs_of(module: nn.Module, x: Tensor) -> Tensor:
    layout = ParameterLayout.of(module)
    named = layout.unflatten(draw(1, layout.parameters).to(x))
    values = {name: value[0] for name, value in named.items()}
    return torch.func.functional_call(module, values, (x,))


def problem(module: nn.Module, x: Tensor, loss: str) -> NetworkLoss:
    """The network with targets that fit."""
    outputs = outputs_of(module, x)
    if loss == "mse":
        y = draw(*outputs.shape, seed=5).to(x)
    else:
        y = torch.arange(len(x), device=x.device) * 7 % outputs.shape[1]
    layout = ParameterLayout.of(module)
    return NetworkLoss(
        module=module,
        curved=with_curvature(module),
        layout=layout,
        loss=LOSSES[loss],
        x=x,
        y=y,
    )


def check(module: nn.Module, x: Tensor, loss: str, *, budget: int = 2**30) -> None:
    """Compares with plain double backward passes; forward mode is wrong for norms."""
    whole = problem(module, x, loss)
    assembly = assembly_of(whole, kind=loss, budget=budget)
    assert isinstance(assembly, SequenceAssembly)
    theta = draw(1, whole.layout.parameters, seed=1).to(x) / 2
    hessians = assembly(theta)
    assert torch.equal(hessians, hessians.mT)
    for run, hessian in zip(theta, hessians, strict=True):
        exact = torch.as_tensor(
            functional.hessian(lambda flat: whole.value(flat[None])[0], run)
        )
        scale = exact.abs().max().item() + 0.01
        assert (hessian - exact).abs().max().item() <= 1e-10 * scale


_SIDES = [(1, 2), (4, 6), (4, 6)]  # channels, height, width


class Images:
    """Draws layers of images while it follows their shape."""

    def __init__(self, pick: Callable[[st.SearchStrategy[int]], int]) -> None:
        self.pick = pick
        self.shape: tuple[int, ...] = tuple(self.whole(*ends) for ends in _SIDES)

    def whole(self, least: int, most: int) -> int:
        return self.pick(st.integers(least, most))

    def layer(self) -> nn.Module:
        makers = [self.convolution, self.pool, self.pointwise, self.norm, self.fork]
        return makers[self.whole(0, len(makers) - 1)]()

    def convolution(self) -> nn.Module:
        kernel = (self.whole(1, 2), self.whole(1, 3))
        kernel = (min(kernel[0], self.shape[1]), min(kernel[1], self.shape[2]))
        stride, padding = self.whole(1, 2), (self.whole(0, 1), self.whole(0, 1))
        channels = self.whole(1, 3)
        module = layers.conv2d(
            self.shape[0],
            channels,
            kernel_size=kernel,
            stride=stride,
            padding=padding,
            bias=bool(self.whole(0, 1)),
        )
        self._follow(module)
        return module

    def pool(self) -> nn.Module:
        kernel = (min(2, self.shape[1]), min(2, self.shape[2]))
        kind = [layers.max_pool2d, layers.avg_pool2d][self.whole(0, 1)]
        padding = self.whole(0, 1) if min(kernel) > 1 else 0
        module = kind(kernel_size=kernel, stride=self.whole(1, 2), padding=padding)
        self._follow(module)
        return module

    def pointwise(self) -> nn.Module:
        names = sorted(ACTIVATIONS)
        return activation(names[self.whole(0, len(names) - 1)])

    def norm(self) -> nn.Module:
        return layers.layer_norm(self.shape, affine=bool(self.whole(0, 1)))

    def fork(self) -> nn.Module:
        channels = self.shape[0]
        inner = layers.conv2d(channels, channels, kernel_size=3, padding=1)
        shortcut = layers.conv2d(channels, channels, kernel_size=1)
        return layers.Residual(
            [inner, self.pointwise()], [shortcut] if self.whole(0, 1) else []
        )

    def _follow(self, module: nn.Module) -> None:
        whole = module.to_empty(device="cpu").double()
        outputs = whole(torch.zeros(1, *self.shape, dtype=torch.float64))
        self.shape = tuple(outputs.shape[1:])


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_hessians_of_random_image_networks_are_those_of_autograd(
    device: torch.device, data: st.DataObject
) -> None:
    images = Images(data.draw)
    x = draw(data.draw(st.integers(1, 5)), *images.shape).to(device)
    chain = [images.layer() for _ in range(images.whole(1, 4))]
    features = math.prod(images.shape)
    loss = data.draw(st.sampled_from(["mse", "cross_entropy"]))
    module = sequential(
        [*chain, layers.flatten(), layers.linear(features, images.whole(1, 3))]
    )
    check(module, x, loss, budget=data.draw(st.sampled_from([1, 2**16, 2**30])))


@settings(deadline=None, max_examples=20)
@given(
    width=st.integers(1, 4),
    affine=st.booleans(),
    kind=st.sampled_from(sorted(ACTIVATIONS)),
    loss=st.sampled_from(["mse", "cross_entropy"]),
    samples=st.integers(1, 12),
    last=st.booleans(),
)
def test_hessians_of_networks_of_vectors_are_those_of_autograd(
    *,
    device: torch.device,
    width: int,
    affine: bool,
    kind: str,
    loss: str,
    samples: int,
    last: bool,
) -> None:
    def norm(features: int) -> nn.Module:
        return layers.layer_norm([features], affine=affine)

    inner = [layers.linear(width, width), activation(kind), norm(width)]
    chain = [
        layers.linear(3, width),
        norm(width),
        layers.Residual(
            [*inner, layers.Residual([layers.linear(width, width, bias=False)])],
            [layers.linear(width, width)],
        ),
        activation(kind),
        layers.linear(width, 2),
    ]
    if last:
        chain.append(norm(2))
    check(sequential(chain), draw(samples, 3).to(device), loss)


def test_precision_is_that_of_the_inputs() -> None:
    module = sequential(
        [
            layers.conv2d(1, 2, kernel_size=2),
            activation("gelu"),
            layers.max_pool2d(kernel_size=2),
            layers.flatten(),
            layers.linear(2, 2),
        ]
    )
    whole = problem(module, draw(5, 1, 3, 3), "cross_entropy")
    theta = draw(2, whole.layout.parameters, seed=1)
    exact = assembly_of(whole, kind="cross_entropy", budget=2**30)
    single = replace(whole, x=whole.x.float())
    rough = assembly_of(single, kind="cross_entropy", budget=2**30)
    assert exact is not None
    assert rough is not None
    formed = rough(theta.float())
    assert formed.dtype == torch.float32
    torch.testing.assert_close(formed.double(), exact(theta), rtol=1e-3, atol=1e-4)


class Doubled(nn.Module):
    """Not a layer that is known."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


UNKNOWN: dict[str, tuple[nn.Module, Tensor]] = {
    "a module of one's own": (
        sequential([layers.linear(3, 3), Doubled(), layers.linear(3, 2)]),
        draw(4, 3),
    ),
    "groups": (
        sequential([nn.Conv2d(2, 2, 1, groups=2, device="meta"), layers.flatten()]),
        draw(4, 2, 1, 2),
    ),
    "rows as samples": (
        sequential([layers.linear(3, 2), layers.flatten()]),
        draw(4, 2, 3),
    ),
    "a partial norm": (
        sequential([layers.layer_norm([3]), layers.flatten()]),
        draw(4, 2, 3),
    ),
    "shared weights": (sequential([(one := layers.linear(3, 3)), one]), draw(4, 3)),
}


@pytest.mark.parametrize("name", list(UNKNOWN))
def test_unknown_layers_have_no_assembly(name: str) -> None:
    module, x = UNKNOWN[name]
    assert assembly_of(problem(module, x, "mse"), kind="mse", budget=2**30) is None
