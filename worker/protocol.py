"""Messages between a supervisor and its runner, one JSON object a line."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from service.schemas.base import JobId, Schema
from service.schemas.environment import Environment
from service.schemas.reports import Label
from service.schemas.specifications import Specification

LINE_LIMIT = 8 * 1024 * 1024
"""Bytes of the longest line that either side accepts."""

CHECKPOINT = "checkpoint.safetensors"
POINTS = "points.json"
REPORT = "report.json"
SHARD_FILES = (
    POINTS,
    "points.safetensors",
    "traces.safetensors",
    "dataset.safetensors",
    "shard.json",
)
"""Files that a runner may leave for a shard; other files are not looked at, but for
those of `start_file`."""


def start_file(start: int) -> str:
    """The file of eigenvectors that a runner may leave for a start."""
    return f"eigenvectors-{start}.safetensors"


class Limits(Schema):
    """What a runner imposes on itself before it imports anything."""

    parent: int
    """Process that it must not outlive."""
    memory_bytes: int
    files: int
    processes: int
    device: Literal["auto", "cpu", "cuda"]
    """What to compute on; `auto` is a GPU where there is one."""


class RunShard(Schema):
    """Computes the starts ``first`` to ``first + count - 1``."""

    kind: Literal["run_shard"]
    job_id: JobId
    specification: Specification
    first: int
    count: int
    weights: Path | None
    dataset: Path | None
    folder: Path
    dense_limit: int
    memory_budget_bytes: int
    memory_limit_bytes: int
    checkpoint_seconds: float


class Assemble(Schema):
    """Joins the shards' results into a report."""

    kind: Literal["assemble"]
    job_id: JobId
    specification: Specification
    started_at: datetime
    shard_folders: list[Path]
    folder: Path


class Cancel(Schema):
    """Asks for what has been found so far."""

    kind: Literal["cancel"]


class Drain(Schema):
    """Asks for a checkpoint and the end of the run."""

    kind: Literal["drain"]


Command = Annotated[RunShard | Assemble | Cancel | Drain, Field(discriminator="kind")]


class Ready(Schema):
    """The runner has imported what it needs."""

    kind: Literal["ready"]
    environment: Environment


class PhaseEntered(Schema):
    """A new phase began."""

    kind: Literal["phase"]
    name: Annotated[str, Field(max_length=64)]


class Progressed(Schema):
    """How far the phase has come."""

    kind: Literal["progress"]
    done: Annotated[int, Field(ge=0)]
    total: Annotated[int, Field(ge=0)]
    unit: Annotated[str, Field(max_length=64)]
    eta_seconds: Annotated[float, Field(ge=0.0)] | None


class PointFound(Schema):
    """A point was classified; its measures follow with the results."""

    kind: Literal["point"]
    start: int
    label: Label
    type: str | None
    """Its kind, where it is critical."""
    loss: float | None
    squared_gradient_norm: float | None


class Checkpointed(Schema):
    """A new checkpoint lies in the shard's folder."""

    kind: Literal["checkpointed"]


class ShardDone(Schema):
    """The shard's results lie in its folder."""

    kind: Literal["shard_done"]


class ReportDone(Schema):
    """The report and its artifacts lie in the folder named."""

    kind: Literal["report_done"]


class Drained(Schema):
    """The run ended at its last checkpoint, as asked."""

    kind: Literal["drained"]


class Failed(Schema):
    """The command could not be done."""

    kind: Literal["failed"]
    code: Annotated[str, Field(pattern=r"^[a-z_]{1,64}$")]
    message: Annotated[str, Field(max_length=2000)]
    retryable: bool


Reply = Annotated[
    Ready
    | PhaseEntered
    | Progressed
    | PointFound
    | Checkpointed
    | ShardDone
    | ReportDone
    | Drained
    | Failed,
    Field(discriminator="kind"),
]

COMMAND: TypeAdapter[Command] = TypeAdapter(Command)
REPLY: TypeAdapter[Reply] = TypeAdapter(Reply)
