"""The networks whose Hessians are measured."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast, final

import torch
from torch import Tensor, nn

from benchmarks.hessians.attention import AttentionNetwork
from benchmarks.settings import Settings
from worker.datasets.sources import builtin
from worker.networks import layers
from worker.networks.activations import activation
from worker.networks.architectures import mlp, sequential
from worker.networks.convolutions import Convolution2d
from worker.objectives.network import NetworkObjective


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network on its data.

    Attributes:
        name: For the tables.
        module: The network, as the objective takes it.
        x: Inputs.
        y: Targets.
        loss: ``mse`` or ``cross_entropy``.
    """

    name: str
    module: nn.Module
    x: Tensor
    y: Tensor
    loss: str

    def objective(self) -> NetworkObjective:
        """Its mean loss."""
        return NetworkObjective(module=self.module, x=self.x, y=self.y, loss=self.loss)

    def points(self, runs: int) -> Tensor:
        """Points, ``(runs, parameters)``, the same at every call."""
        count = sum(each.numel() for each in self.module.parameters())
        generator = torch.Generator().manual_seed(0)
        drawn = torch.randn(runs, count, generator=generator, dtype=torch.float64)
        return (0.3 * drawn).to(self.x)

    def stock(self) -> nn.Module:
        """The network with PyTorch's own convolutions, for its own tools."""
        if not isinstance(self.module, nn.Sequential):
            return self.module
        return nn.Sequential(*(_stock(each) for each in self.module))


def product_networks(settings: Settings) -> list[Network]:
    """Networks of the size that Krylov methods are for."""
    samples = {"full": (1000, 250, 250), "quick": (1000, 250, 250), "tiny": (5, 2, 2)}
    many, some, few = samples[settings.scale]
    digits, classes = images("mnist_5k", many, 28, settings)
    clothes, kinds = images("fashion_mnist_5k", some, 28, settings)
    pools = {"mean": layers.avg_pool2d, "max": layers.max_pool2d}
    return [
        Network(
            name="MLP 784-128-128-10",
            module=mlp([784, 128, 128, 10], "tanh"),
            x=digits.flatten(1),
            y=classes,
            loss="cross_entropy",
        ),
        *(
            Network(
                name=f"convolutions 8, 16, {name} pools",
                module=convolutional(28, (8, 16), pool),
                x=clothes,
                y=kinds,
                loss="cross_entropy",
            )
            for name, pool in pools.items()
        ),
        *(
            Network(
                name=f"attention, 2 blocks, {'layer norm' if norm else 'no norm'}",
                module=AttentionNetwork(
                    side=28, patch=7, width=32, heads=4, blocks=2, classes=10, norm=norm
                ),
                x=clothes[:few],
                y=kinds[:few],
                loss="cross_entropy",
            )
            for norm in (True, False)
        ),
    ]


def dense_networks(settings: Settings) -> list[Network]:
    """The fully connected networks of the paper."""
    most = 20 if settings.scale == "tiny" else 10_000
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(most, 16, generator=generator, dtype=torch.float64)
    gaussian = (drawn * torch.arange(1, 17).sqrt()).to(settings.device)
    digits, classes = images("mnist_5k", min(most, 5000), 4, settings)
    two = torch.randn(min(most, 50), 32, generator=generator, dtype=torch.float64)
    small = digits.flatten(1)
    return [
        Network(
            name="linear autoencoder 16-4-16",
            module=mlp([16, 4, 16], "identity", bias=False),
            x=gaussian,
            y=gaussian,
            loss="mse",
        ),
        Network(
            name="autoencoder 16-8-16-16",
            module=mlp([16, 8, 16, 16], "swish"),
            x=small[:1797],
            y=small[:1797],
            loss="mse",
        ),
        Network(
            name="classifier 16-12-8-10",
            module=mlp([16, 12, 8, 10], "swish"),
            x=small,
            y=classes,
            loss="cross_entropy",
        ),
        Network(
            name="memorising net 32-32-4-2",
            module=mlp([32, 32, 4, 2], "swish", bias=False),
            x=two.to(settings.device),
            y=classes[: len(two)] % 2,
            loss="cross_entropy",
        ),
    ]


def other_networks(settings: Settings) -> list[Network]:
    """Small networks with layers of all other kinds."""
    samples = {"full": 200, "quick": 50, "tiny": 2}[settings.scale]
    x, y = images("digits", samples, 8, settings)
    pools = {"mean": layers.avg_pool2d, "max": layers.max_pool2d}
    blocks = [
        layers.linear(12, 12),
        activation("gelu"),
        layers.linear(12, 12),
    ]
    modules: dict[str, nn.Module] = {
        **{
            f"convolutions 4, 4, {name} pools": convolutional(8, (4, 4), pool)
            for name, pool in pools.items()
        },
        "residual convolutions": sequential(
            [
                layers.conv2d(1, 4, kernel_size=3, stride=2, padding=1),
                layers.Residual(
                    [layers.conv2d(4, 4, kernel_size=3, padding=1), activation("gelu")],
                    [layers.conv2d(4, 4, kernel_size=1)],
                ),
                layers.avg_pool2d(kernel_size=4),
                layers.flatten(),
                layers.linear(4, 10),
            ]
        ),
        "group norm, residual": sequential(
            [
                layers.conv2d(1, 4, kernel_size=3, stride=2, padding=1),
                layers.group_norm(2, 4),
                layers.Residual(
                    [
                        layers.conv2d(4, 4, kernel_size=3, padding=1, groups=2),
                        layers.batch_norm(4),
                        activation("gelu"),
                    ]
                ),
                layers.adaptive_avg_pool2d(output_size=1),
                layers.flatten(),
                layers.linear(4, 10),
            ]
        ),
        "layer norm, residual": sequential(
            [
                layers.flatten(),
                layers.linear(64, 12),
                layers.layer_norm([12]),
                activation("gelu"),
                layers.Residual(blocks),
                layers.linear(12, 10),
            ]
        ),
        "attention": AttentionNetwork(
            side=8, patch=4, width=8, heads=2, blocks=1, classes=10, norm=True
        ),
    }
    return [
        *(
            Network(name=name, module=module, x=x, y=y, loss="cross_entropy")
            for name, module in modules.items()
        ),
        _embedding(x, y),
    ]


def _embedding(x: Tensor, y: Tensor) -> Network:
    """Classifies images ``(n, 1, 8, 8)`` by the brightness of their rows."""
    think = [layers.linear(8, 16), activation("gelu"), layers.linear(16, 8)]
    module = sequential(
        [
            layers.embedding(17, 8),
            layers.positional_embedding(8, 8),
            layers.Residual([layers.layer_norm([8]), layers.attention(8, 2)]),
            layers.Residual([layers.layer_norm([8]), *think]),
            layers.mean_positions(),
            layers.linear(8, 10),
        ]
    )
    brightness = (16.0 * x.mean(3)).round().flatten(1)
    return Network(
        name="embedding", module=module, x=brightness, y=y, loss="cross_entropy"
    )


def convolutional(
    side: int, channels: tuple[int, int], pool: Callable[..., nn.Module]
) -> nn.Module:
    """Two convolutions of so many channels, with pools, for images of one channel."""
    first, second = channels
    return sequential(
        [
            layers.conv2d(1, first, kernel_size=3, padding=1),
            activation("tanh"),
            pool(kernel_size=2),
            layers.conv2d(first, second, kernel_size=3, padding=1),
            activation("tanh"),
            pool(kernel_size=2),
            layers.flatten(),
            layers.linear(second * (side // 4) ** 2, 10),
        ]
    )


def images(
    name: str, count: int, side: int, settings: Settings
) -> tuple[Tensor, Tensor]:
    """Images ``(n, 1, side, side)`` from 0 to 1, and their classes."""
    samples = builtin(name)
    if samples.y is None:
        raise ValueError(f"{name} has no classes")
    x = samples.x[:count].to(torch.float64).flatten(1)
    x = x.unflatten(1, (1, round(x.shape[1] ** 0.5), -1))
    x = nn.functional.adaptive_avg_pool2d(x / x.max(), side)
    y = samples.y[:count].to(torch.int64)
    return x.to(settings.device), y.to(settings.device)


def _stock(module: nn.Module) -> nn.Module:
    if not isinstance(module, Convolution2d):
        return module
    *_, height, width = module.weight.shape
    return nn.Conv2d(
        module.in_channels,
        module.out_channels,
        (height, width),
        stride=cast("tuple[int, int]", module.stride),
        padding=cast("tuple[int, int]", module.padding),
        device="meta",
    )
