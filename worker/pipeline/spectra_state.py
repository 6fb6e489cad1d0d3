"""How far the spectra of a shard have come."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, final

import torch
from pydantic import TypeAdapter
from torch import Tensor

from service.schemas.reports import Point
from worker.spectra.quadrature import Quadrature

_POINTS: TypeAdapter[list[Point]] = TypeAdapter(list[Point])
_COMPUTATION = "computation."
_QUADRATURE = "quadrature."


@final
@dataclass(slots=True, kw_only=True)
class SpectraState:
    """What a shard can go on from.

    Attributes:
        points: What is known of every point, with the spectra that are done.
        gradient_norm_floors: Of points that will not be classified.
        left: Rows whose spectra are not done, ascending.
        group: How many of them, the first ones, are decomposed together.
        made: Products made for the spectra that are done.
        quadrature: Of the spectra that are done, in the order of their points, where
            the classification can take it over.
        computation: Of that group; empty where it has not begun.
    """

    points: list[Point]
    left: list[int]
    gradient_norm_floors: list[float] = field(default_factory=list[float])
    group: int = 0
    made: int = 0
    quadrature: Quadrature | None = None
    computation: dict[str, Tensor] = field(default_factory=dict[str, Tensor])

    @classmethod
    def begin(cls, points: Sequence[Point]) -> Self:
        """No spectrum is done; a point that failed gets none."""
        left = [row for row, point in enumerate(points) if point.label != "failed"]
        return cls(points=list(points), left=left)

    def keep(self, quadrature: Quadrature) -> None:
        """Keeps the quadrature of the group that is done."""
        if self.quadrature is not None:
            quadrature = self.quadrature.followed_by(quadrature)
        self.quadrature = quadrature

    def to_tensors(self) -> dict[str, Tensor]:
        """The state under flat names; the computation's tensors are not copied."""
        numbers = {
            "left": self.left,
            "group": self.group,
            "made": self.made,
            "gradient_norm_floors": self.gradient_norm_floors,
        }
        text = {
            "points": _POINTS.dump_json(self.points),
            "numbers": json.dumps(numbers).encode(),
        }
        tensors = {
            name: torch.frombuffer(bytearray(each), dtype=torch.uint8)
            for name, each in text.items()
        }
        tensors |= {f"{_COMPUTATION}{k}": each for k, each in self.computation.items()}
        if self.quadrature is not None:
            parts = self.quadrature.to_tensors().items()
            tensors |= {f"{_QUADRATURE}{name}": each for name, each in parts}
        return tensors

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], *, device: torch.device
    ) -> Self:
        """The state that `to_tensors` gave."""
        quadrature = _group(tensors, _QUADRATURE)
        return cls(
            points=_POINTS.validate_json(bytes(tensors["points"].numpy())),
            **json.loads(bytes(tensors["numbers"].numpy())),
            computation=_group(tensors, _COMPUTATION),
            quadrature=Quadrature.from_tensors(
                {name: each.to(device) for name, each in quadrature.items()}
            )
            if quadrature
            else None,
        )


def _group(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): each
        for name, each in tensors.items()
        if name.startswith(prefix)
    }
