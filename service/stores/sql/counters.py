"""What has happened since the deployment began, counted in the change itself."""

from typing import Literal

from sqlalchemy import Connection, Engine, select

from service.stores.sql.database import insert, read
from service.stores.sql.tables import counters

CounterName = Literal["attempts", "jobs_ended", "device_milliseconds"]


def count(
    connection: Connection, name: CounterName, label: str = "", by: int = 1
) -> None:
    """Adds to a counter, in the caller's transaction."""
    statement = insert(connection, counters).values(name=name, label=label, value=by)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[counters.c.name, counters.c.label],
            set_={"value": counters.c.value + by},
        )
    )


def totals(engine: Engine) -> dict[CounterName, dict[str, int]]:
    """Returns every counter's value by its label."""
    found: dict[CounterName, dict[str, int]] = {
        "attempts": {},
        "jobs_ended": {},
        "device_milliseconds": {},
    }
    with read(engine) as connection:
        for row in connection.execute(select(counters)):
            if row.name in found:
                found[row.name][row.label] = row.value
    return found
