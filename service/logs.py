"""Logs as lines of JSON, each with the ids of what it belongs to."""

import json
import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import final

from typing_extensions import override

from service import tracing

_ids: ContextVar[dict[str, str]] = ContextVar("ids")


def configure(level: int = logging.INFO) -> None:
    """Sends everything that this process logs to stderr, a JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)


@contextmanager
def bound(**ids: str) -> Generator[None]:
    """Adds ids, such as `request_id`, to what is logged within the block."""
    token = _ids.set({**_ids.get({}), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


def _trace() -> dict[str, str]:
    found = tracing.trace_id()
    return {} if found is None else {"trace_id": found}


@final
class JsonLines(logging.Formatter):
    """One JSON object for each record: when, how bad, from where, what, and ids.

    Values that are passed as ``extra={"fields": {...}}`` become members too.
    """

    @override
    def format(self, record: logging.LogRecord) -> str:
        """Returns the record as one line."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_ids.get({}),
            **_trace(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
