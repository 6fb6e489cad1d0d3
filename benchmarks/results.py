"""What a benchmark found, as plain data."""

from dataclasses import asdict, dataclass
from typing import Any, final

Value = float | int | str | bool | None
"""A figure; None where it was not measured."""

Row = dict[str, Value]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Figures of one kind.

    Attributes:
        title: What they are.
        rows: The figures, by names that carry their units; the rows have equal names.
    """

    title: str
    rows: list[Row]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A figure that is wanted, and the one measured.

    Attributes:
        name: Of the figure.
        wanted: The bound.
        measured: The figure; None if it was not measured.
        at_most: Whether the bound is an upper one.
    """

    name: str
    wanted: float
    measured: float | None
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the figure keeps the bound; None if it was not measured."""
        if self.measured is None:
            return None
        if self.at_most:
            return self.measured <= self.wanted
        return self.measured >= self.wanted


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All that a benchmark found.

    Attributes:
        name: Of the benchmark.
        title: What it asks.
        tables: The figures.
        targets: What is wanted of them.
        notes: What to know in reading them.
        series: Numbers behind the plots, by name.
    """

    name: str
    title: str
    tables: list[Table]
    targets: list[Target]
    notes: list[str]
    series: dict[str, list[float]]

    def to_json(self) -> dict[str, Any]:
        """Plain lists and dictionaries, with the verdict on every target."""
        plain = asdict(self)
        for target, fields in zip(self.targets, plain["targets"], strict=True):
            fields["met"] = target.met
        return plain
