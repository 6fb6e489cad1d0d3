"""Windows of images, with the samples last."""

from dataclasses import dataclass
from typing import final

from torch import Tensor
from torch.nn import functional

_HEIGHT, _WIDTH = -3, -2


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Rectangles of an image that a convolution or a pool looks at.

    Attributes:
        image: Channels, height and width.
        kernel: Height and width of a window.
        stride: From one window to the next.
        padding: Rows and columns of zeros on every side.
    """

    image: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    @property
    def places(self) -> tuple[int, int]:
        """Numbers of windows, down and across."""
        down, across = (
            (size + 2 * padding - kernel) // stride + 1
            for size, padding, kernel, stride in zip(
                self.image[1:], self.padding, self.kernel, self.stride, strict=True
            )
        )
        return down, across

    def cut(self, features: Tensor) -> Tensor:
        """The windows of ``(..., channels * height * width, samples)``.

        Returns:
            ``(..., channels, height, width, down, across, samples)``, a view where
            there is no padding.
        """
        images = features.unflatten(-2, self.image)
        vertical, horizontal = self.padding
        if vertical or horizontal:
            sides = (0, 0, horizontal, horizontal, vertical, vertical)
            images = functional.pad(images, sides)
        cut = images.unfold(_HEIGHT, self.kernel[0], self.stride[0])
        cut = cut.unfold(_WIDTH - 1, self.kernel[1], self.stride[1])
        # Both moved from the end to where the channels are.
        return cut.movedim((-2, -1), (-5, -4))
