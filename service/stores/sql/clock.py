"""The database's clock, the only one that decides about leases and deadlines.

Moments are stored as whole milliseconds since 1970 in UTC, so that both databases
compare and add them alike. SQLite's `julianday` is exact to the millisecond (before
3.42 there is no `unixepoch('subsec')`: it gives NULL, and no lease would ever expire).
"""

from datetime import UTC, datetime, timedelta
from typing import Any, final

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@final
class now_ms(FunctionElement[int]):  # noqa: N801 - a SQL function
    """The moment at which the statement began, in milliseconds since 1970."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms, "sqlite")
def _sqlite_now(_element: now_ms, _compiler: SQLCompiler, **_: Any) -> str:  # noqa: ANN401
    return "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"


@compiles(now_ms, "postgresql")
def _postgresql_now(_element: now_ms, _compiler: SQLCompiler, **_: Any) -> str:  # noqa: ANN401
    return "CAST(round(extract(epoch FROM statement_timestamp()) * 1000) AS BIGINT)"


def moment(milliseconds: int) -> datetime:
    """Returns a stored moment as a datetime in UTC."""
    return _EPOCH + milliseconds * _MILLISECOND


def moment_or_none(milliseconds: int | None) -> datetime | None:
    """Returns a stored moment as a datetime in UTC, if there is one."""
    return None if milliseconds is None else moment(milliseconds)


def milliseconds(moment: datetime) -> int:
    """Returns an aware datetime as it is stored."""
    return (moment - _EPOCH) // _MILLISECOND
