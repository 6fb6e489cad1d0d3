import math
from collections.abc import Callable
from dataclasses import replace

import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from tests.support.numerics.assemblies import check, draw, problem
from worker.networks import layers
from worker.networks.activations import ACTIVATIONS, activation
from worker.networks.architectures import sequential
from worker.objectives.assembly.assembly import assembly_of
from worker.objectives.assembly.sequences import SequenceAssembly

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
    before, after = images.whole(0, 2), images.whole(0, 2)
    chain = [images.layer() for _ in range(before)]
    chain += [images.convolution(), *(images.layer() for _ in range(after))]
    features = math.prod(images.shape)
    loss = data.draw(st.sampled_from(["mse", "cross_entropy"]))
    module = sequential(
        [*chain, layers.flatten(), layers.linear(features, images.whole(1, 3))]
    )
    budget = data.draw(st.sampled_from([1, 2**16, 2**30]))
    check(module, x, loss, SequenceAssembly, budget=budget)


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
    formed = rough(theta.float())
    assert formed.dtype == torch.float32
    torch.testing.assert_close(formed.double(), exact(theta), rtol=1e-3, atol=1e-4)
