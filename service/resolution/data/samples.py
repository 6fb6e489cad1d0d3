"""What is known of a data set before it is read."""

from dataclasses import dataclass
from typing import final

from service.resolution.parameters import Shape


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Integer classes, one for each sample or for each of its positions.

    Attributes:
        low: None is below.
        high: None is above.
        counts: Samples of the classes 0, 1, ..., where they are known.
        shape: Of the classes of one sample; empty for one class.
    """

    low: int
    high: int
    counts: tuple[int, ...] | None = None
    shape: Shape = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Integers:
    """Inputs that are integers.

    Attributes:
        low: None is below.
        high: None is above.
    """

    low: int
    high: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """A data set on its way through the transforms.

    Attributes:
        count: Number of samples, at most.
        shape: Of one input.
        integers: Their range, where inputs are integers.
        labels: Classes; an autoencoder's serve only to choose samples.
        values: Shape of one target that is not a class.
        autoencoder: Whether the transformed inputs will be the targets.
    """

    count: int
    shape: Shape
    integers: Integers | None = None
    labels: Labels | None = None
    values: Shape | None = None
    autoencoder: bool = False

    @property
    def target_shape(self) -> Shape:
        """Shape of one target; of a class, none."""
        if self.autoencoder:
            return self.shape
        return self.labels.shape if self.labels else self.values or ()
