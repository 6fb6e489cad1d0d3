"""The progress of a job, put together from its shards'."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, final

from service.schemas.jobs import Progress

ShardState = Literal["queued", "running", "stored", "failed", "cancelled"]

_PHASES = ("preparing", "searching", "decomposing", "classifying", "reporting")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ShardProgress:
    """How far one shard has come."""

    state: ShardState
    phase: str | None
    progress: Progress | None


def read_progress(text: str | None) -> Progress | None:
    """Returns a stored progress."""
    return None if text is None else Progress.model_validate_json(text)


def completed(text: str | None) -> str | None:
    """Returns a stored progress with everything done."""
    progress = read_progress(text)
    if progress is None:
        return None
    return progress.model_copy(
        update={"done": progress.total, "fraction": 1.0, "eta_seconds": 0.0}
    ).model_dump_json()


def _rank(phase: str) -> int:
    return _PHASES.index(phase) if phase in _PHASES else len(_PHASES)


def combine(shards: Sequence[ShardProgress]) -> tuple[str | None, Progress | None]:
    """Returns the phase of a job and how far it is within it.

    The phase is the earliest that a running shard is in. Shards beyond it count as
    complete and waiting ones as not begun, each as long as those in it are on average.
    """
    phases = [s.phase for s in shards if s.state == "running" and s.phase is not None]
    if not phases:
        return None, None
    phase = min(phases, key=_rank)
    current = [
        s.progress
        for s in shards
        if s.state == "running" and s.phase == phase and s.progress is not None
    ]
    if not current:
        return phase, None
    beyond = sum(
        s.state == "stored"
        or (
            s.state == "running"
            and s.phase is not None
            and _rank(s.phase) > _rank(phase)
        )
        for s in shards
    )
    mean = sum(p.total for p in current) / len(current)
    total = sum(p.total for p in current) + round(mean * (len(shards) - len(current)))
    done = min(sum(p.done for p in current) + round(mean * beyond), total)
    return phase, Progress(
        done=done,
        total=total,
        unit=current[0].unit,
        fraction=done / total if total else 0.0,
        eta_seconds=_eta_seconds(current, total - done),
    )


def _eta_seconds(current: Sequence[Progress], left: int) -> float | None:
    """Time for what is left of all shards, at the pace of those that run."""
    pace = sum((p.total - p.done) / p.eta_seconds for p in current if p.eta_seconds)
    return left / pace if pace else None
