"""Requests that are refused, and where."""

from collections.abc import Mapping
from typing import Any

from service.resolution.files import FileSummary
from service.resolution.resolution import resolve
from service.schemas.files import TensorSummary
from service.schemas.jobs import JobRequest
from tests.support.requests.requests import (
    DATA,
    FILES,
    IMAGES,
    LIMITS,
    NETWORK,
    RANDOM,
    WEIGHTS,
    data_file,
    network,
    request,
    weights_file,
)

Files = Mapping[str, FileSummary]
Case = JobRequest | tuple[JobRequest, Files]
Cases = dict[str, tuple[Case, str, str]]
"""Names to a request, the field that is wrong in it, and the code of the refusal."""

LINEAR = {"kind": "linear", "in_features": 64, "out_features": 10}


def on_images(*layers: Mapping[str, Any], **changes: object) -> JobRequest:
    """A job of these layers on the digits."""
    problem = network(*layers, weights_file_id=None, dataset=IMAGES, **changes)
    return request(problem, RANDOM)


def with_transforms(
    *transforms: Mapping[str, Any], dataset: Mapping[str, Any] = IMAGES
) -> JobRequest:
    """A job on data with these transforms."""
    data = {**dataset, "transforms": list(transforms)}
    layers = ({"kind": "flatten"}, LINEAR)
    return request(network(*layers, weights_file_id=None, dataset=data), RANDOM)


def with_weights(
    *tensors: TensorSummary, **changes: object
) -> tuple[JobRequest, Files]:
    """A job whose weights are these tensors."""
    return request({**NETWORK, **changes}), FILES | {WEIGHTS: weights_file(*tensors)}


def with_data(*tensors: TensorSummary, **changes: object) -> tuple[JobRequest, Files]:
    """A job whose data set is these tensors."""
    return request({**NETWORK, **changes}), FILES | {DATA: data_file(*tensors)}


def assert_refused(expected: tuple[Case, str, str]) -> None:
    """The request is refused, at this field with this code among others."""
    case, pointer, code = expected
    bad, files = case if isinstance(case, tuple) else (case, FILES)

    resolution = resolve(bad, files, LIMITS)

    assert resolution.resolved is None
    assert (pointer, code) in {(e.pointer, e.code) for e in resolution.findings}
