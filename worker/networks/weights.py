"""Named tensors in files, flat parameter vectors inside."""

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from worker.errors import RunError

Sources = Mapping[str, str | Sequence[str]]
"""A layout's names to a file's: one, or several of equal shape that are joined along
the first dimension."""
_READABLE = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_LISTED = 10


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterLayout:
    """Names and shapes of the tensors that a flat parameter vector consists of.

    Attributes:
        names: Names, in the order of the flat vector.
        shapes: Shape of each.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, module: nn.Module) -> "ParameterLayout":
        """The layout of a module's parameters, in the module's order."""
        named = [(name, tuple(p.shape)) for name, p in module.named_parameters()]
        return cls(names=tuple(n for n, _ in named), shapes=tuple(s for _, s in named))

    def among(self, names: Collection[str]) -> "ParameterLayout":
        """The layout of those tensors that have one of the given names."""
        kept = [
            pair
            for pair in zip(self.names, self.shapes, strict=True)
            if pair[0] in names
        ]
        return ParameterLayout(
            names=tuple(name for name, _ in kept),
            shapes=tuple(shape for _, shape in kept),
        )

    @property
    def sizes(self) -> list[int]:
        """Number of entries of each tensor."""
        return [math.prod(shape) for shape in self.shapes]

    @property
    def parameters(self) -> int:
        """Length of a flat parameter vector."""
        return sum(self.sizes)

    @property
    def slices(self) -> dict[str, slice]:
        """Places of the tensors in a flat parameter vector, by name."""
        ends = itertools.accumulate(self.sizes)
        return {
            name: slice(end - size, end)
            for name, size, end in zip(self.names, self.sizes, ends, strict=True)
        }

    def follows(self, *names: str) -> bool:
        """Whether tensors follow each other in the flat vector."""
        places = [self.slices[name] for name in names]
        return all(a.stop == b.start for a, b in itertools.pairwise(places))

    def entries(self, pattern: str) -> Tensor:
        """Numbers in the flat vector of the parameters whose names match, ``(k,)``.

        Args:
            pattern: Shell-style, as in `fnmatch`.

        Returns:
            Integers, ascending; none where no name matches.
        """
        numbers = torch.arange(self.parameters)
        pieces = dict(zip(self.names, numbers.split(self.sizes), strict=True))
        return torch.cat([numbers[:0], *(pieces[n] for n in self.matching(pattern))])

    def matching(self, pattern: str) -> list[str]:
        """Names that match a pattern, shell-style as in `fnmatch`."""
        return [name for name in self.names if fnmatchcase(name, pattern)]

    def flatten(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Flat vectors ``(runs, parameters)`` of tensors ``(runs, *shape)`` by name."""
        return torch.cat(
            [
                tensors[name].reshape(-1, size)
                for name, size in zip(self.names, self.sizes, strict=True)
            ],
            dim=1,
        )

    def unflatten(self, theta: Tensor) -> dict[str, Tensor]:
        """Views ``(runs, *shape)``, by name, of flat vectors ``(runs, parameters)``."""
        pieces = theta.split(self.sizes, dim=1)
        return {
            name: piece.reshape(-1, *shape)
            for name, shape, piece in zip(self.names, self.shapes, pieces, strict=True)
        }


def read(
    path: Path,
    layout: ParameterLayout,
    *,
    parameter_map: Sources | None = None,
    stacked: bool = False,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """Flat parameter vectors ``(points, parameters)`` of a safetensors file.

    Args:
        path: The file.
        layout: Names and shapes expected.
        parameter_map: The layout's names to the file's; names absent are their own.
            With a map, the file may hold other tensors too.
        stacked: Whether every tensor has a leading dimension of points.
        dtype: Precision of the result.

    Returns:
        One row for each point; one row where the file is not stacked.

    Raises:
        RunError: If tensors are missing, left over, misshapen, of another type or not
            finite (``weights_invalid``).
    """
    sources = _sources(layout, parameter_map)
    uploaded = [name for names in sources for name in names]
    try:
        with safe_open(path, framework="pt") as file:
            held = set(file.keys())
            _check_names(
                uploaded, held if parameter_map is None else held & {*uploaded}
            )
            found = {name: file.get_tensor(name) for name in uploaded}
    except (SafetensorError, OSError) as error:
        raise RunError("weights_invalid", f"unreadable file: {error}") from error
    points = found[uploaded[0]].shape[:1] if stacked else torch.Size()
    flat: list[Tensor] = []
    for names, shape in zip(sources, layout.shapes, strict=True):
        for name in names:
            part = (shape[0] // len(names), *shape[1:]) if len(names) > 1 else shape
            _check_tensor(name, found[name], (*points, *part))
            flat.append(found[name].to(torch.float64).reshape(*(points or (1,)), -1))
    theta = torch.cat(flat, dim=1).to(dtype)
    if not theta.isfinite().all():  # float64 weights beyond the range of float32
        raise RunError("weights_invalid", f"weights are too large for {dtype}")
    return theta


def write(
    path: Path,
    layout: ParameterLayout,
    theta: Tensor,
    *,
    parameter_map: Sources | None = None,
    buffers: Mapping[str, Tensor] | None = None,
) -> None:
    """Writes points ``(points, parameters)`` under the uploaded names.

    Every tensor gets a leading dimension of points; the file can be read with
    ``stacked``.

    Args:
        path: The file.
        layout: Names and shapes of the parameters.
        theta: The points.
        parameter_map: Our names to the file's; names absent are their own.
        buffers: What all points have beside their parameters, by our names.
    """
    tensors = layout.unflatten(theta.detach().cpu())
    for name, value in (buffers or {}).items():
        tensors[name] = value.detach().cpu().expand(len(theta), *value.shape)
    names = parameter_map or {}
    named = {
        uploaded: part.clone()
        for ours, tensor in tensors.items()
        for uploaded, part in _parts(names.get(ours, ours), tensor)
    }
    save_file(named, path)


def _parts(source: str | Sequence[str], tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The uploaded tensors that a tensor ``(points, ...)`` consists of."""
    uploaded = _several(source)
    if len(uploaded) == 1:
        return iter([(uploaded[0], tensor)])
    return zip(uploaded, tensor.chunk(len(uploaded), dim=1), strict=True)


def _sources(
    layout: ParameterLayout, parameter_map: Sources | None
) -> list[Sequence[str]]:
    names = parameter_map or {}
    return [_several(names.get(name, name)) for name in layout.names]


def _several(source: str | Sequence[str]) -> Sequence[str]:
    return [source] if isinstance(source, str) else source


def _check_names(expected: Sequence[str], found: Collection[str]) -> None:
    missing = sorted(set(expected) - set(found))
    left_over = sorted(set(found) - set(expected))
    complaints = [
        f"{what}: {', '.join(names[:_LISTED])}{', ...' if names[_LISTED:] else ''}"
        for what, names in (("missing tensors", missing), ("left over", left_over))
        if names
    ]
    if len(set(expected)) < len(expected):
        complaints.append("two parameters are mapped to one tensor")
    if complaints:
        raise RunError("weights_invalid", "; ".join(complaints))


def _check_tensor(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tensor.dtype not in _READABLE:
        raise RunError("weights_invalid", f"{name} is of type {tensor.dtype}")
    if tuple(tensor.shape) != shape:
        message = f"{name} has shape {list(tensor.shape)}, expected {list(shape)}"
        raise RunError("weights_invalid", message)
    if not tensor.isfinite().all():
        raise RunError("weights_invalid", f"{name} has entries that are not finite")
