"""Whatever is asked, the answer is a job that can run or a list of what is wrong."""

from hypothesis import event, given, settings, strategies as st

from service.resolution.files import FileSummary
from service.resolution.resolution import resolve
from service.schemas.jobs import JobRequest
from tests.support.requests import job_requests
from tests.support.requests.requests import (
    AUTOENCODER,
    FILES,
    LIMITS,
    NETWORK,
    POLYNOMIAL,
    RANDOM,
    UPLOADED,
    request,
)


def holder(body: object, pointer: str) -> object:
    """What holds the field that a pointer names; an error if there is no such thing."""
    *parts, _ = pointer.removeprefix("/").split("/")
    for part in parts:
        key = part.replace("~1", "/").replace("~0", "~")
        assert isinstance(body, list | dict)
        body = body[int(key)] if isinstance(body, list) else body[key]
    return body


@settings(deadline=None, max_examples=300)
@given(wanted=job_requests.REQUESTS, files=job_requests.FILES)
def test_it_is_resolved_or_refused(
    wanted: JobRequest, files: dict[str, FileSummary]
) -> None:
    resolution = resolve(wanted, files, LIMITS)

    event("refused" if resolution.findings else "resolved")
    assert (resolution.resolved is None) == bool(resolution.findings)
    for finding in resolution.findings:
        event(finding.code)
        assert isinstance(holder(wanted.model_dump(), finding.pointer), list | dict)
    said = [(error.pointer, error.code, error.detail) for error in resolution.findings]
    assert len(set(said)) == len(said)
    if resolution.resolved is not None:
        assert resolution.estimate is not None
        again = JobRequest.model_validate_json(resolution.resolved.model_dump_json())
        assert again == resolution.resolved
        assert resolve(again, files, LIMITS) == resolution


@given(
    problem=st.sampled_from([NETWORK, AUTOENCODER]),
    starts=st.sampled_from(
        [
            UPLOADED,
            RANDOM,
            {"kind": "trajectory", "count": 4},
            {"kind": "weights", "count": 9, "noise_variance": 0.1},
        ]
    ),
    finder=job_requests.FINDER,
    spectrum=job_requests.SPECTRUM,
)
def test_a_sensible_one_lacks_nothing_but_resources(
    problem: dict[str, object],
    starts: dict[str, object],
    finder: dict[str, object],
    spectrum: dict[str, object] | None,
) -> None:
    wanted = request(problem, starts, finder=finder, spectrum=spectrum)

    resolution = resolve(wanted, FILES, LIMITS)

    allowed = {
        "too_much_work",
        "top_too_large",
        "no_parameters_match",
        "extremes_needed",
    }
    if problem is AUTOENCODER and starts["kind"] == "weights":
        allowed.add("weights_needed")
    assert {finding.code for finding in resolution.findings} <= allowed
    if resolution.resolved is not None:
        found = resolve(resolution.resolved, FILES, LIMITS)
        assert found == resolution


def test_a_polynomial_takes_points_and_boxes() -> None:
    for starts in (
        {"kind": "explicit", "points": [[1.4, 0.1]]},
        {"kind": "box", "low": [-1.0, 0.0], "high": [1.0, 0.0], "count": 5},
    ):
        assert resolve(request(POLYNOMIAL, starts), {}, LIMITS).findings == []
