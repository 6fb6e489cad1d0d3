"""``connection.json``: how to reach the server that runs on a data folder."""

import os
from pathlib import Path

from pydantic import ValidationError

from service.schemas.base import Schema

NAME = "connection.json"


class Connection(Schema):
    """Address and key of a local server, and its process."""

    url: str
    api_key: str
    pid: int


def read(data_dir: Path) -> Connection | None:
    """Returns what the last `gradflat up` on this folder left; None if nothing."""
    try:
        return Connection.model_validate_json((data_dir / NAME).read_bytes())
    except (OSError, ValidationError):
        return None


def write(data_dir: Path, connection: Connection) -> None:
    """Replaces the file in one step; only its owner can read it."""
    partial = data_dir / f"{NAME}.partial"
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(connection.model_dump_json(indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(data_dir / NAME)
