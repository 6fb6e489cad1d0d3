"""How a worker tells its pool process to drain: a file, named in the environment.

Celery's warm shutdown waits for the running task but tells it nothing, and its pool
processes leave their signals to the pool.
"""

import os
from pathlib import Path

_VARIABLE = "GRADFLAT_DRAIN_FILE"


def prepare(folder: Path) -> None:
    """Names the file to the processes that are started from here on."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ[_VARIABLE] = str(folder.resolve() / f"drain-{os.getpid()}")
    withdraw()


def request() -> None:
    """Asks the pool process to end its run at a checkpoint and begin no other."""
    Path(os.environ[_VARIABLE]).touch()


def withdraw() -> None:
    """Removes what `request` left."""
    Path(os.environ[_VARIABLE]).unlink(missing_ok=True)


def requested() -> bool:
    """Whether this worker is to end soon."""
    return Path(os.environ[_VARIABLE]).exists()
