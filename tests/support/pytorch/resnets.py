"""Residual networks as they are commonly written in PyTorch, and their layers."""

from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from tests.support.requests.layer_bodies import basic_block, batch_norm, conv


class BasicBlock(nn.Module):
    """As in torchvision."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    @override
    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return functional.relu(
            out + (x if self.downsample is None else self.downsample(x))
        )


class ResNet(nn.Module):
    """As in torchvision, smaller."""

    def __init__(self, width: int = 3, blocks: int = 2) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = self._stage(width, width, blocks, 1)
        self.layer2 = self._stage(width, 2 * width, blocks, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2 * width, 4)

    @staticmethod
    def _stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Module:
        first = BasicBlock(inputs, outputs, stride)
        rest = [BasicBlock(outputs, outputs, 1) for _ in range(blocks - 1)]
        return nn.Sequential(first, *rest)

    @override
    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        return self.fc(self.avgpool(self.layer2(self.layer1(x))).flatten(1))


RESNET = [
    conv(1, 3, 3),
    batch_norm(3),
    {"kind": "relu"},
    *basic_block(3, 3, 1),
    *basic_block(3, 3, 1),
    *basic_block(3, 6, 2),
    *basic_block(6, 6, 1),
    {"kind": "adaptive_avg_pool2d", "output_size": 1},
    {"kind": "flatten"},
    {"kind": "linear", "in_features": 6, "out_features": 4},
]
