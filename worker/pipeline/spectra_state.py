"""How far the spectra of a shard have come."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self, final

import torch
from pydantic import TypeAdapter
from torch import Tensor

from service.schemas.reports import Point
from worker.pipeline.classifying import Classified

_POINTS: TypeAdapter[list[Point]] = TypeAdapter(list[Point])
_COMPUTATION = "computation."


@final
@dataclass(slots=True, kw_only=True)
class SpectraState:
    """What a shard can go on from.

    Attributes:
        points: What is known of every point, with the spectra that are done.
        gradient_norm_floors: Of the points that were classified.
        left: Rows whose spectra are not done, ascending.
        group: How many of them, the first ones, are decomposed together.
        made: Products made for the spectra that are done.
        computation: Of that group; empty where it has not begun.
    """

    points: list[Point]
    gradient_norm_floors: list[float]
    left: list[int]
    group: int = 0
    made: int = 0
    computation: dict[str, Tensor] = field(default_factory=dict[str, Tensor])

    @classmethod
    def begin(cls, found: Classified) -> Self:
        """No spectrum is done; a point that failed gets none."""
        return cls(
            points=list(found.points),
            gradient_norm_floors=found.gradient_norm_floors,
            left=[row for row, p in enumerate(found.points) if p.label != "failed"],
        )

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
        return {
            name: torch.frombuffer(bytearray(each), dtype=torch.uint8)
            for name, each in text.items()
        } | {f"{_COMPUTATION}{name}": each for name, each in self.computation.items()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """The state that `to_tensors` gave."""
        return cls(
            points=_POINTS.validate_json(bytes(tensors["points"].numpy())),
            **json.loads(bytes(tensors["numbers"].numpy())),
            computation={
                name.removeprefix(_COMPUTATION): each
                for name, each in tensors.items()
                if name.startswith(_COMPUTATION)
            },
        )
