"""Artifacts: the files that a report comes with."""

import hashlib
from pathlib import Path

from service.schemas.reports import Artifact

POINTS = "points.safetensors"
TRACES = "traces.safetensors"
DATASET = "dataset.safetensors"
REPORT = "report.json"


def describe(path: Path) -> Artifact:
    """A file's name, length and digest."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Artifact(name=path.name, bytes=path.stat().st_size, sha256=digest)
