"""What is wrong with a request, and where."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from typing_extensions import override

from service.schemas.problem_details import FieldError

FINDINGS_LIMIT = 100
_LISTED = 20


@final
@dataclass(frozen=True, slots=True)
class Location:
    """A place in the request; its string is a JSON pointer (RFC 6901)."""

    parts: tuple[str | int, ...] = ()

    def __truediv__(self, part: str | int) -> "Location":
        """The place of a member of this one."""
        return Location((*self.parts, part))

    @override
    def __str__(self) -> str:
        """The pointer."""
        return "".join(
            "/" + str(part).replace("~", "~0").replace("/", "~1") for part in self.parts
        )


ROOT = Location()


@final
class Findings:
    """Collects what is wrong, up to a number that a reader can still use."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def add(self, at: Location, code: str, detail: str) -> None:
        """Notes that something is wrong there."""
        if len(self.errors) < FINDINGS_LIMIT:
            self.errors.append(FieldError(pointer=str(at), code=code, detail=detail))

    def add_all(self, at: Location, code: str, details: Sequence[str]) -> None:
        """Notes the first of many that are alike, and how many more there are."""
        for detail in details[:_LISTED]:
            self.add(at, code, detail)
        if len(details) > _LISTED:
            more = len(details) - _LISTED
            self.add(at, code, f"And {more} more like the last.")
