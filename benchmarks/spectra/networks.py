"""The networks whose spectra are measured, on small images of digits."""

from torch import nn

from benchmarks.hessians.attention import AttentionNetwork
from benchmarks.hessians.networks import Network, convolutional, images
from benchmarks.settings import Settings
from worker.networks.architectures import mlp
from worker.networks.layers import avg_pool2d

_SIDE = 8
_CHANNELS = {"full": (22, 39, 72), "quick": (22,), "tiny": (2,)}
_WIDTHS = {"full": (32, 56, 108), "quick": (32,), "tiny": (4,)}


def small_networks(settings: Settings) -> list[Network]:
    """Networks small enough for all eigenvalues of their Hessians."""
    samples = {"full": 500, "quick": 150, "tiny": 2}[settings.scale]
    width = {"full": 16, "quick": 10, "tiny": 4}[settings.scale]
    x, y = images("digits", samples, _SIDE, settings)
    dense = Network(
        name=f"MLP 64-{2 * width}-{2 * width}-10",
        module=mlp([_SIDE**2, 2 * width, 2 * width, 10], "tanh"),
        x=x.flatten(1),
        y=y,
        loss="cross_entropy",
    )
    others = (_convolutions(width // 2), _attention(width, heads=2))
    return [
        dense,
        *(
            Network(name=name, module=module, x=x, y=y, loss="cross_entropy")
            for name, module in others
        ),
    ]


def large_networks(settings: Settings) -> list[Network]:
    """Networks of about 10,000, 30,000 and 100,000 parameters."""
    samples = 2 if settings.scale == "tiny" else 60
    x, y = images("digits", samples, _SIDE, settings)
    modules = [
        *(_convolutions(channels) for channels in _CHANNELS[settings.scale]),
        *(_attention(width, heads=4) for width in _WIDTHS[settings.scale]),
    ]
    return [
        Network(name=name, module=module, x=x, y=y, loss="cross_entropy")
        for name, module in modules
    ]


def _convolutions(channels: int) -> tuple[str, nn.Module]:
    widths = (channels, 2 * channels)
    name = f"convolutions {widths[0]}, {widths[1]}"
    return name, convolutional(_SIDE, widths, avg_pool2d)


def _attention(width: int, *, heads: int) -> tuple[str, nn.Module]:
    module = AttentionNetwork(
        side=_SIDE,
        patch=2,
        width=width,
        heads=heads,
        blocks=1,
        classes=10,
        norm=False,
    )
    return f"attention of width {width}", module
