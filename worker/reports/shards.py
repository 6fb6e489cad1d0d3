"""Results of a shard, as files that the report is later assembled from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from pydantic import TypeAdapter

from service.schemas.base import Schema
from service.schemas.reports import Point, SearchSummary

POINTS = "points.json"
FACTS = "shard.json"
_POINTS: TypeAdapter[list[Point]] = TypeAdapter(list[Point])


class Facts(Schema):
    """What a shard knows besides its points."""

    parameters: int
    samples: int | None
    smooth: bool
    warnings: list[str]
    search: SearchSummary | None
    gradient_norm_floors: list[float]
    """Of the points whose Hessian is finite."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ShardResult:
    """A shard's points and facts.

    Attributes:
        folder: Where its arrays lie.
        points: In order of their starts.
        facts: What else is known.
    """

    folder: Path
    points: list[Point]
    facts: Facts


def write_result(folder: Path, points: Sequence[Point], facts: Facts) -> None:
    """Writes a shard's points and facts."""
    (folder / POINTS).write_bytes(_POINTS.dump_json(list(points)))
    (folder / FACTS).write_text(facts.model_dump_json())


def read_result(folder: Path) -> ShardResult:
    """Reads what `write_result` wrote."""
    return ShardResult(
        folder=folder,
        points=_POINTS.validate_json((folder / POINTS).read_bytes()),
        facts=Facts.model_validate_json((folder / FACTS).read_bytes()),
    )
