"""Spectra: what is computed of the Hessian at every reported point."""

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import Schema


class Density(Schema):
    """Spectral density by stochastic Lanczos quadrature."""

    steps: Annotated[int, Field(ge=2, le=1000)] = 80
    """Lanczos steps of each probe."""
    probes: Annotated[int, Field(ge=1, le=1000)] = 8


class LanczosSpectrum(Schema):
    """Extreme eigenvalues, and optionally the density."""

    kind: Literal["lanczos"]
    top: Annotated[int, Field(ge=1, le=1000)] = 10
    """How many of the largest and of the smallest eigenvalues."""
    density: Density | None = None
