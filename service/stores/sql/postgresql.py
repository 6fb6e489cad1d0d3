"""Connections to PostgreSQL that give up a server which does not answer.

The kernel below a frozen server still acknowledges what is sent, so that neither TCP
nor the server's own time limits tell: the client has to keep the time. SQLAlchemy loads
this dialect by name, since SQLite does without the driver.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Literal, cast, final

from psycopg import Connection, OperationalError
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine.interfaces import DBAPIConnection
from typing_extensions import override

_STATEMENT_S = 22.0
"""Longer than any statement waits for a lock."""
_PING_S = 5.0
_INTERVAL_S = 0.1


@final
class BoundedConnection(Connection[TupleRow]):
    """A connection that is closed when an answer does not come in time.

    Attributes:
        answer_s: Time for an answer; None is all the time in the world.
    """

    answer_s: float | None = _STATEMENT_S

    @override
    def wait(
        self,
        gen: PQGen[RV],
        interval: float = _INTERVAL_S,
        timeout: float | None = None,
    ) -> RV:
        """Returns the answer.

        Raises:
            OperationalError: Also if it does not come in time.
        """
        try:
            return super().wait(gen, interval, timeout or self.answer_s)
        except OperationalError:
            if self.info.transaction_status is TransactionStatus.ACTIVE:
                self.close()  # what is still to come answers no other question
            raise


@final
class BoundedDialect(PGDialect_psycopg):
    """PostgreSQL by psycopg, with bounded connections."""

    supports_statement_cache = True

    @override
    def connect(self, *cargs: Any, **cparams: Any) -> DBAPIConnection:
        """Returns a new connection."""
        return cast("DBAPIConnection", BoundedConnection.connect(*cargs, **cparams))

    @override
    def do_ping(self, dbapi_connection: DBAPIConnection) -> Literal[True]:
        """Makes sure that a connection which was at rest still answers, and soon."""
        with patience(dbapi_connection, _PING_S):
            return super().do_ping(dbapi_connection)


@contextmanager
def patience(connection: DBAPIConnection, seconds: float | None) -> Generator[None]:
    """Waits so long for each answer within the block."""
    bounded = cast("BoundedConnection", connection)
    before = bounded.answer_s
    bounded.answer_s = seconds
    try:
        yield
    finally:
        bounded.answer_s = before
