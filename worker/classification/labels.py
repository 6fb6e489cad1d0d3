"""Labels and kinds: what the measures say that a point is."""

from dataclasses import dataclass
from enum import Enum
from typing import final


@final
class Label(Enum):
    """What a point found is."""

    CRITICAL = "critical"
    GRADIENT_FLAT = "gradient_flat"
    UNCONVERGED = "unconverged"
    UNCLASSIFIED = "unclassified"
    FAILED = "failed"


@final
class Kind(Enum):
    """What a critical point is, by the signs of the Hessian's eigenvalues."""

    MINIMUM = "minimum"
    DEGENERATE_MINIMUM = "degenerate_minimum"
    STRICT_SADDLE = "strict_saddle"
    DEGENERATE_SADDLE = "degenerate_saddle"
    MAXIMUM = "maximum"
    DEGENERATE_MAXIMUM = "degenerate_maximum"
    FLAT = "flat"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Cut-offs between labels and between signs of eigenvalues.

    Attributes:
        squared_gradient_norm: A point below is critical.
        flatness: A point above in relative residual, and not critical, is flat.
        zero_eigenvalue: Eigenvalues of at most this magnitude count as zero.
        relative: Whether it is in units of the largest magnitude of an eigenvalue.
    """

    squared_gradient_norm: float
    flatness: float
    zero_eigenvalue: float
    relative: bool


def label(
    squared_gradient_norm: float,
    relative_residual: float | None,
    thresholds: Thresholds,
) -> Label:
    """The label of a point; a residual that is not known classifies none."""
    if squared_gradient_norm < thresholds.squared_gradient_norm:
        return Label.CRITICAL
    if relative_residual is None:
        return Label.UNCLASSIFIED
    if relative_residual > thresholds.flatness:
        return Label.GRADIENT_FLAT
    return Label.UNCONVERGED


def kind(negative: int, zero: int, positive: int) -> Kind:
    """The kind of a critical point with these counts of eigenvalues."""
    match (negative > 0, zero > 0, positive > 0):
        case (False, _, False):
            return Kind.FLAT
        case (False, degenerate, True):
            return Kind.DEGENERATE_MINIMUM if degenerate else Kind.MINIMUM
        case (True, degenerate, False):
            return Kind.DEGENERATE_MAXIMUM if degenerate else Kind.MAXIMUM
        case (_, degenerate, _):
            return Kind.DEGENERATE_SADDLE if degenerate else Kind.STRICT_SADDLE
