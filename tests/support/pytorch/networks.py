"""Networks as they are commonly written in PyTorch, and as this service describes them.

Modules are in double precision and in their eval form; statistics are not trivial.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from typing_extensions import override

from tests.support.pytorch.resnets import RESNET, ResNet
from tests.support.pytorch.transformers import BERT, GPT, Bert, Classifier, Gpt, encoder
from tests.support.requests.layer_bodies import Fields, batch_norm, linear


@dataclass(frozen=True)
class Network:
    """A module, and the architecture that is the same function.

    Attributes:
        module: Makes it, with values drawn at random.
        layers: Of the architecture.
        sample: Shape of one input.
        integers: Number of integers where the inputs are such.
    """

    module: Callable[[], nn.Module]
    layers: list[Fields]
    sample: tuple[int, ...]
    integers: int | None = None

    def inputs(self, count: int) -> Tensor:
        """Random inputs."""
        generator = torch.Generator().manual_seed(count)
        if self.integers is not None:
            shape = (count, *self.sample)
            return torch.randint(self.integers, shape, generator=generator)
        return torch.randn(count, *self.sample, generator=generator).double()


def drawn(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module with random values in all tensors, in eval form."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=generator).double()
                tensor.copy_(noise.abs() + 0.5 if "var" in name else noise * 0.3)
    return module


class TwoLists(nn.Module):
    """Linear layers in one list, norms in another, applied in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm1d(4) for _ in range(3)])
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])

    @override
    def forward(self, x: Tensor) -> Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = torch.tanh(norm(layer(x)))
        return x


def _sequential() -> nn.Module:
    """With more layers than ten, and dropout, which takes a number."""
    layers: list[nn.Module] = []
    for _ in range(6):
        layers += [nn.Linear(4, 4), nn.Tanh(), nn.Dropout(0.5)]
    return nn.Sequential(*layers)


def _wrapped(module: nn.Module, *names: str) -> nn.Module:
    for name in names:
        outer = nn.Module()
        outer.add_module(name, module)
        outer.forward = module.forward
        module = outer
    return module


_LINEAR_4 = linear(4, 4)
_TANH = {"kind": "tanh"}
NETWORKS = {
    "sequential": Network(_sequential, [_LINEAR_4, _TANH] * 6, (4,)),
    "resnet": Network(ResNet, RESNET, (1, 6, 6)),
    "resnet in data parallel": Network(
        lambda: _wrapped(ResNet(), "module"), RESNET, (1, 6, 6)
    ),
    "compiled resnet": Network(
        lambda: _wrapped(ResNet(), "_orig_mod", "model"), RESNET, (1, 6, 6)
    ),
    "norms first": Network(
        lambda: Classifier(norm_first=True), encoder(norm_first=True), (5,), 7
    ),
    "norms last": Network(
        lambda: Classifier(norm_first=False), encoder(norm_first=False), (5,), 7
    ),
    "bert": Network(Bert, BERT, (5,), 7),
    "gpt": Network(Gpt, GPT, (5,), 6),
    "two lists": Network(TwoLists, [_LINEAR_4, batch_norm(4), _TANH] * 3, (4,)),
}
