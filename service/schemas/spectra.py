"""Spectra: what is computed of a matrix at every reported point."""

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import Positive, Schema

Matrix = Literal["hessian", "gauss_newton", "fisher"]


class Density(Schema):
    """Spectral density by stochastic Lanczos quadrature."""

    steps: Annotated[int, Field(ge=2, le=1000)] = 80
    """Lanczos steps of each probe."""
    probes: Annotated[int, Field(ge=1, le=1000)] = 8
    broadening: Positive | None = None
    """Standard deviation of the Gaussian that smooths it; null is 1/100 of the range of
    the middle 99.8 % of the eigenvalues, or 1/2000 of the whole range where larger."""


class LanczosSpectrum(Schema):
    """Extreme eigenvalues, and optionally the density."""

    kind: Literal["lanczos"]
    matrix: Matrix = "hessian"
    """Of the loss with its l2 term. `gauss_newton` is the generalised Gauss-Newton
    matrix of a network; `fisher` is the Fisher information of the network's own
    distribution of the targets, which equals it for both losses."""
    parameters: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Shell-style pattern over names of parameters, such as `layers.0.*`: only the
    diagonal block of those that match; null is the whole matrix."""
    top: Annotated[int, Field(ge=1, le=1000)] = 10
    """How many of the largest and of the smallest eigenvalues."""
    extremes: bool = True
    """Whether these are computed at all; a density alone takes fewer products."""
    eigenvectors: bool = False
    """Adds `eigenvectors.safetensors` to the artifacts: `largest` and `smallest`, of
    shape (starts, top, entries), unit vectors in the order of the values. Entries are
    those of the parameters that the file's metadata name, one after another."""
    density: Density | None = None

    @property
    def values_at_an_end(self) -> int:
        """How many eigenvalues are sought at either end of the spectrum."""
        return self.top if self.extremes else 0
