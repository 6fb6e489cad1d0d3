"""What is filled in, and that filling in twice changes nothing."""

from service.resolution.resolution import resolve
from service.schemas.finders import NewtonMrFinder
from service.schemas.jobs import JobRequest
from tests.support.requests.requests import (
    FILES,
    LIMITS,
    MLP_TENSORS,
    POLYNOMIAL,
    request,
)

BOX = {"kind": "box", "low": [0.0, 0.0], "high": [1.0, 1.0], "count": 4}


def resolved(wanted: JobRequest) -> JobRequest:
    """The resolved request."""
    resolution = resolve(wanted, FILES, LIMITS)
    assert resolution.findings == []
    assert resolution.resolved is not None
    return resolution.resolved


def test_the_map_the_count_and_the_solver_are_filled_in() -> None:
    found = resolved(request())

    assert found.problem.model_dump()["parameter_map"] == {
        summary.name: summary.name for summary in MLP_TENSORS
    }
    assert found.starts.model_dump()["count"] == 1
    assert isinstance(found.finder, NewtonMrFinder)
    assert found.finder.max_krylov_iterations == 23


def test_the_default_number_of_eigenvalues_is_cut_to_what_there_is() -> None:
    found = resolved(request(POLYNOMIAL, BOX, spectrum={"kind": "lanczos"}))

    assert found.spectrum is not None
    assert found.spectrum.top == 2


def test_it_resolves_to_itself_through_json() -> None:
    found = resolved(request(spectrum={"kind": "lanczos"}, labels={"a": "b"}))

    again = JobRequest.model_validate_json(found.model_dump_json())

    assert again == found
    assert resolved(again) == found
