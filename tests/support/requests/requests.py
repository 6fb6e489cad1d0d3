"""Requests, and the files they name, written briefly."""

from collections.abc import Mapping
from typing import Any

from service.resolution.files import FileSummary
from service.schemas.account import Limits
from service.schemas.files import TensorSummary
from service.schemas.jobs import JobRequest

WEIGHTS = "file_" + "a" * 32
DATA = "file_" + "d" * 32
ABSENT = "file_" + "0" * 32

LIMITS = Limits(
    upload_bytes=2**31,
    parameters=10_000_000,
    dense_parameters=2000,
    samples=1_000_000,
    starts=10_000,
    gradient_evaluations=10**9,
    memory_bytes=2**34,
    memory_budget_bytes=2**31,
    time_limit_seconds=7 * 86_400,
)

MLP: dict[str, Any] = {"kind": "mlp", "sizes": [4, 3, 2], "activation": "tanh"}
DATASET: dict[str, Any] = {"kind": "file", "file_id": DATA}
NETWORK: dict[str, Any] = {
    "kind": "network",
    "architecture": MLP,
    "weights_file_id": WEIGHTS,
    "dataset": DATASET,
    "loss": {"kind": "cross_entropy"},
}
POLYNOMIAL: dict[str, Any] = {
    "kind": "polynomial",
    "variables": 2,
    "terms": [{"coefficient": 1.0, "powers": [2, 0]}],
}
AUTOENCODER: dict[str, Any] = {
    "kind": "linear_autoencoder",
    "input_size": 6,
    "hidden_size": 2,
    "samples": 100,
}
RANDOM = {"kind": "random", "count": 3}
UPLOADED = {"kind": "weights"}
IMAGES = {"kind": "builtin", "name": "digits"}


def tensor(
    name: str,
    *shape: int,
    dtype: str = "F64",
    low: float = -1.0,
    high: float = 1.0,
    finite: bool = True,
) -> TensorSummary:
    """One tensor of a file."""
    return TensorSummary(
        name=name,
        dtype=dtype,
        shape=list(shape),
        finite=finite,
        minimum=low if finite else None,
        maximum=high if finite else None,
    )


def labels(count: int = 10, high: int = 1, *, low: int = 0) -> TensorSummary:
    """Integer classes called ``y``."""
    return tensor("y", count, dtype="I64", low=low, high=high)


MLP_TENSORS = [
    tensor("layers.0.weight", 3, 4),
    tensor("layers.0.bias", 3),
    tensor("layers.1.weight", 2, 3),
    tensor("layers.1.bias", 2),
]


def weights_file(*tensors: TensorSummary) -> FileSummary:
    """An uploaded file of weights."""
    return FileSummary(purpose="weights", tensors=list(tensors))


def data_file(*tensors: TensorSummary) -> FileSummary:
    """An uploaded data set."""
    return FileSummary(purpose="dataset", tensors=list(tensors))


FILES: dict[str, FileSummary] = {
    WEIGHTS: weights_file(*MLP_TENSORS),
    DATA: data_file(tensor("x", 10, 4), labels()),
}


def request(
    problem: Mapping[str, Any] = NETWORK,
    starts: Mapping[str, Any] = UPLOADED,
    **changes: object,
) -> JobRequest:
    """A request, as parsed from JSON."""
    return JobRequest.model_validate(
        {"problem": dict(problem), "starts": dict(starts), **changes}
    )


def network(*layers: Mapping[str, Any], **changes: object) -> dict[str, Any]:
    """A network problem; of these layers, if any are given."""
    problem = {**NETWORK, **changes}
    if layers:
        problem["architecture"] = {"kind": "sequential", "layers": list(layers)}
    return problem
