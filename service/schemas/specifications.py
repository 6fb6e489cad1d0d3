"""The specification: everything that determines a report."""

from typing import Literal

from service.schemas.base import Schema, Seed
from service.schemas.classification import Classification
from service.schemas.finders import Finder, NewtonMrFinder
from service.schemas.problems import Problem
from service.schemas.spectra import LanczosSpectrum
from service.schemas.starts import Starts

FORMAT = 2
"""Stored with every job. It grows with each change of the specification, or of what is
done with it, that an older worker would not understand: such a worker then leaves the
job to newer ones."""


class Specification(Schema):
    """Everything that determines a report."""

    problem: Problem
    starts: Starts
    finder: Finder = NewtonMrFinder(kind="newton_mr")
    classification: Classification = Classification()
    spectrum: LanczosSpectrum | None = None
    """What to compute of the Hessian at every reported point; null is nothing."""
    seed: Seed = 0
    """Every random draw derives from it and the start's number."""
    precision: Literal["float64", "float32"] = "float64"
    keep_dataset: bool = False
    """Adds `dataset.safetensors` (`x`, `y` after all transforms) to the artifacts."""
