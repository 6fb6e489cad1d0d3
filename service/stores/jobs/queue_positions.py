"""Places in the queue: how many jobs run before one that waits."""

from sqlalchemy import case, func, literal, select, union_all

from service.stores.sql.tables import jobs

LONGEST_COUNT = 1000
"""Further back, jobs are not counted, so that a look costs no more in a long queue."""

_others = jobs.alias("others")
_waiting = select(literal(1)).where(_others.c.state == "queued").correlate(jobs)
# Two ranges of an index; SQLite would read through one range of pairs.
_ahead = (
    union_all(
        _waiting.where(_others.c.priority < jobs.c.priority),
        _waiting.where(_others.c.priority == jobs.c.priority, _others.c.id < jobs.c.id),
    )
    .limit(LONGEST_COUNT)
    .subquery("ahead")
)
QUEUE_POSITION = case(
    (
        jobs.c.state == "queued",
        select(func.count()).select_from(_ahead).correlate(jobs).scalar_subquery(),
    )
).label("queue_position")
"""Column of a query on `jobs`; null unless the job is queued."""
