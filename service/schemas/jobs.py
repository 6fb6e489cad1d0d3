"""Jobs: what a client asks for, and what it is told of it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import JobId, Schema
from service.schemas.classification import Classification
from service.schemas.environment import Environment
from service.schemas.finders import Finder
from service.schemas.priorities import Priority
from service.schemas.problem_details import FieldError
from service.schemas.problems import Problem
from service.schemas.reports import Counts
from service.schemas.specifications import Specification
from service.schemas.spectra import LanczosSpectrum
from service.schemas.starts import Starts

JobState = Literal[
    "queued", "running", "cancelling", "succeeded", "failed", "cancelled", "expired"
]
TERMINAL_STATES: frozenset[JobState] = frozenset(
    {"succeeded", "failed", "cancelled", "expired"}
)
TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    "queued": frozenset({"running", "cancelling", "cancelled", "failed", "expired"}),
    "running": frozenset({"queued", "cancelling", "succeeded", "failed"}),
    "cancelling": frozenset({"cancelled", "failed"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
    "expired": frozenset(),
}

LabelKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]
LabelValue = Annotated[str, Field(max_length=256)]
Labels = Annotated[dict[LabelKey, LabelValue], Field(max_length=32)]


class JobRequest(Specification):
    """A job to create: a specification, a time limit, and labels to find it by."""

    labels: Labels = {}
    time_limit_seconds: Annotated[int, Field(ge=1, le=7 * 86_400)] = 3600
    """Running time after which the job fails, in seconds."""
    priority: Priority = "normal"
    """Jobs of a higher priority run first."""
    start_within_seconds: Annotated[int, Field(ge=1, le=30 * 86_400)] | None = None
    """Time in the queue after which a job that no worker has begun expires, in seconds;
    null is the server's own limit."""


class Progress(Schema):
    """How far a job has come."""

    done: int
    total: int
    unit: str
    """`iterations`, `points`, `steps` or `products`, according to the phase."""
    fraction: float
    eta_seconds: float | None
    """Time until the phase ends, at its pace so far; null until that is known."""


class JobError(Schema):
    """Why a job failed."""

    code: str
    message: str
    retryable: bool
    details: dict[str, str]


class JobResult(Schema):
    """The report in one line."""

    outcome: str
    counts: Counts


class JobUrls(Schema):
    """Where to go on from here."""

    self: str
    cancel: str
    events: str
    report: str


class Job(Schema):
    """A job as it stands."""

    id: JobId
    object: Literal["job"]
    state: JobState
    phase: str | None
    """What the worker is at: `preparing`, `searching`, `decomposing`
    (large matrices, for their spectra), `classifying`, `reporting`."""
    progress: Progress | None
    attempt: int
    max_attempts: int
    problem: Problem
    starts: Starts
    finder: Finder
    classification: Classification
    spectrum: LanczosSpectrum | None
    seed: int
    precision: Literal["float64", "float32"]
    keep_dataset: bool
    labels: Labels
    time_limit_seconds: int
    priority: Priority
    queue_position: int | None
    """How many jobs run before this one, counted up to 1,000; null unless queued."""
    start_before: datetime | None
    """When the job expires if no worker has begun it."""
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    expires_at: datetime | None
    error: JobError | None
    result: JobResult | None
    environment: Environment | None
    retried_from: JobId | None
    urls: JobUrls


class JobPage(Schema):
    """Jobs, newest first."""

    items: list[Job]
    next_cursor: str | None


class Estimate(Schema):
    """What a job will need, before it runs."""

    parameters: int
    samples: int | None
    starts: int
    memory_bytes: int
    """At its peak on one worker, beside what the libraries take."""
    gradient_evaluations: int
    """Upper bound on work, in gradient evaluations over the whole data set."""
    products_at_most: int
    """Upper bound on the products for spectra, counted in that work; a search for
    extreme eigenvalues mostly ends far below it."""


class Validation(Schema):
    """What creating this job would say."""

    valid: bool
    problems: list[FieldError]
    resolved: Specification | None
    """With every default and the parameter map filled in."""
    estimate: Estimate | None
