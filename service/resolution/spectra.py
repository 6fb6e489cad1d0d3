"""Whether a spectrum can be had, and the order of its matrix."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from service.resolution.findings import ROOT, Findings
from service.resolution.parameters import Shape, parameter_count
from service.schemas.problems import PolynomialProblem, Problem
from service.schemas.spectra import LanczosSpectrum

_AT = ROOT / "spectrum"
_LISTED = 50


def check_spectrum(
    spectrum: LanczosSpectrum | None,
    problem: Problem,
    shapes: Mapping[str, Shape],
    findings: Findings,
) -> None:
    """Notes a matrix that the problem does not have, and values that it has not.

    Args:
        spectrum: What is asked for.
        problem: Of which problem.
        shapes: Shapes of its parameters by name.
        findings: Where it is noted.
    """
    if spectrum is None:
        return
    if spectrum.matrix != "hessian" and isinstance(problem, PolynomialProblem):
        findings.add(
            _AT / "matrix",
            "matrix_undefined",
            f"{spectrum.matrix} needs the outputs of a network and a loss of them; a"
            f" problem of kind {problem.kind} has only a Hessian.",
        )
    if not spectrum.extremes and (spectrum.density is None or spectrum.eigenvectors):
        findings.add(
            _AT / "extremes",
            "extremes_needed",
            "Without the extremes there is only a density, and no eigenvectors.",
        )
    order = matrix_order(spectrum, shapes)
    if order == 0:
        if shapes:
            findings.add(
                _AT / "parameters",
                "no_parameters_match",
                f"No parameter has such a name. There are {_listed(shapes)}.",
            )
    # A number of eigenvalues that the client did not write is cut to what there is.
    elif "top" in spectrum.model_fields_set and spectrum.top > order:
        findings.add(
            _AT / "top", "top_too_large", f"There are only {order} eigenvalues."
        )


def matrix_order(spectrum: LanczosSpectrum | None, shapes: Mapping[str, Shape]) -> int:
    """Number of the parameters that the matrix belongs to; 0 where none is wanted."""
    if spectrum is None:
        return 0
    pattern = spectrum.parameters
    return parameter_count(
        {
            name: shape
            for name, shape in shapes.items()
            if pattern is None or fnmatchcase(name, pattern)
        }
    )


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _LISTED} more" if len(every) > _LISTED else ""
    return ", ".join(every[:_LISTED]) + more
