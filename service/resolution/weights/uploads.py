"""Uploaded tensors, as a problem may take them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from service.resolution.parameters import Shape
from service.resolution.weights import name_words
from service.schemas.files import TensorSummary
from service.schemas.problems import Source

MISMATCH = "weights_do_not_match_architecture"
_FLOATING = frozenset({"F64", "F32", "F16", "BF16"})
_STATISTICS = frozenset({"running_mean", "running_var"})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """The weights that a problem names.

    Attributes:
        tensors: Those of the file, by name.
        parameter_map: Our names to the uploaded ones, as far as the client says.
        stacked: Whether every tensor has a leading dimension of points.
    """

    tensors: Mapping[str, TensorSummary]
    parameter_map: Mapping[str, Source] | None
    stacked: bool

    def shape(self, name: str) -> Shape:
        """Shape of a tensor, less the dimension of points; that of a scalar is kept."""
        return tuple(self.tensors[name].shape[1 if self.stacked else 0 :])

    def joined_shape(self, source: Source) -> Shape | None:
        """Shape of equal tensors joined along the first dimension; none of others."""
        shapes = [self.shape(name) for name in parts(source)]
        first = shapes[0]
        if len(shapes) == 1:
            return first
        if len(set(shapes)) > 1 or not first:
            return None
        return (len(shapes) * first[0], *first[1:])

    def points(self, name: str) -> int:
        """Points in a tensor; none in a scalar that should be stacked."""
        shape = self.tensors[name].shape
        return (shape[0] if shape else 0) if self.stacked else 1

    @property
    def floating(self) -> dict[str, Shape]:
        """Shapes of the tensors of real numbers: integers only count, or are masks."""
        return {
            name: self.shape(name)
            for name, tensor in self.tensors.items()
            if tensor.dtype in _FLOATING
            and name_words.split(name)[1] != "num_batches_tracked"
        }


def parts(source: Source) -> Sequence[str]:
    """The uploaded tensors that one of ours is made of."""
    return [source] if isinstance(source, str) else source


def is_statistic(name: str) -> bool:
    """Whether a tensor is a batch norm's mean or variance, by its name."""
    return name_words.split(name)[1] in _STATISTICS
