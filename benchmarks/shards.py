"""Shards that are computed in processes of their own, to be measured."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from service.schemas.jobs import JobRequest
from service.schemas.reports import Point
from service.schemas.specifications import Specification


def specification(job: JobRequest) -> dict[str, object]:
    """The job without what only the queue needs."""
    return job.model_dump(mode="json", include=set(Specification.model_fields))


def measured(program: str, order: dict[str, object]) -> dict[str, Any]:
    """What a program answers in JSON that reads its order so from standard input."""
    answer = subprocess.run(
        [sys.executable, "-m", program],
        input=json.dumps(order),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(answer.stdout)


class Indifferent:
    """An observer of a shard that notes nothing and never stops it."""

    def phase(self, name: str) -> None:
        """Not of interest."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """Not of interest."""

    def point(self, point: Point) -> None:
        """Not of interest."""

    def checkpointed(self, path: Path) -> None:
        """Not of interest."""

    def stop_requested(self) -> bool:
        """Never."""
        return False

    def drain_requested(self) -> bool:
        """Never."""
        return False
