"""A deployment's settings as its other processes read them."""

import os
from pathlib import Path

from sqlalchemy import make_url

from service.settings import Settings


def environment(settings: Settings) -> dict[str, str]:
    """Returns our environment with paths that do not depend on the working directory.

    Their threads share two pools of memory: with one for each, all hold what only one
    of them needs.

    Args:
        settings: Of the deployment; what it does not name is inherited.
    """
    paths = {
        "GRADFLAT_DATA_DIR": settings.data_dir,
        "GRADFLAT_BLOB_DIR": settings.resolved_blob_dir,
        "GRADFLAT_SCRATCH_DIR": settings.resolved_scratch_dir,
    }
    return {
        "MALLOC_ARENA_MAX": "2",
        **os.environ,
        **{name: str(path.absolute()) for name, path in paths.items()},
        "GRADFLAT_DATABASE_URL": _absolute(settings.resolved_database_url),
        "GRADFLAT_BROKER_URL": settings.broker_url,
    }


def _absolute(database_url: str) -> str:
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        url = url.set(database=str(Path(url.database).absolute()))
    return url.render_as_string(hide_password=False)


WORKER_ARGUMENTS = (
    *("-P", "-m", "celery", "-A", "worker.app", "worker"),
    *("--without-gossip", "--without-mingle"),
)
"""What Python is called with to become a worker; the service cannot import it."""
