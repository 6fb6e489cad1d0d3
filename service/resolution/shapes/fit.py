"""What one layer makes of a shape, and how it is told that it takes another."""

from dataclasses import dataclass
from typing import final

from service.resolution.findings import Findings, Location
from service.resolution.parameters import Shape


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a layer makes of one sample.

    Attributes:
        shape: Of its outputs.
        kept: Numbers that it adds to the graph of a gradient, for Hessian products.
    """

    shape: Shape
    kept: int = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """Takes notes of what does not fit at one layer.

    Attributes:
        at: Where the layer stands in the request.
        findings: Where it is noted.
        untouched: Whether only the data have shaped what the layer is given.
    """

    at: Location
    findings: Findings
    untouched: bool

    def add(self, field: str, code: str, detail: str) -> None:
        """Notes what is wrong with the layer itself."""
        self.findings.add(self.at / field, code, detail)

    def mismatch(self, field: str, detail: str) -> None:
        """Notes that the layer takes something else than it is given."""
        code = (
            "dataset_does_not_fit_architecture"
            if self.untouched
            else "layers_do_not_fit"
        )
        self.add(field, code, detail)

    def rank(self, shape: Shape, *dimensions: str) -> bool:
        """Whether a shape has these dimensions; notes it if not."""
        if len(shape) == len(dimensions):
            return True
        self.mismatch(
            "kind",
            f"The layer takes {', '.join(dimensions)} and is given {list(shape)}.",
        )
        return False
