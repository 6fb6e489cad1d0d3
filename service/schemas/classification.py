"""Thresholds by which points are labelled."""

from typing import Literal

from service.schemas.base import Fraction, Positive, Schema


class Classification(Schema):
    """Cut-offs between critical, gradient-flat and unconverged (the paper's)."""

    squared_gradient_norm_cutoff: Positive = 1e-10
    """A point below is critical."""
    flatness_cutoff: Fraction = 0.9
    """A point above in relative residual, and not critical, is gradient-flat."""
    zero_eigenvalue: Positive = 1e-5
    """Eigenvalues within this of zero count as zero."""
    zero_eigenvalue_scale: Literal["absolute", "relative"] = "absolute"
    """`relative` multiplies the threshold by the largest magnitude of an eigenvalue."""
