"""The outbox: messages for webhooks, written in the transaction of what they tell."""

from sqlalchemy import Connection, select

from service.schemas.jobs import JobError, JobState
from service.schemas.webhooks import EventName, JobSummary, WebhookMessage
from service.stores.sql.clock import moment
from service.stores.sql.identifiers import new_id
from service.stores.sql.tables import deliveries, webhooks

_EVENTS: dict[JobState, EventName] = {
    "succeeded": "job.succeeded",
    "failed": "job.failed",
    "cancelled": "job.cancelled",
    "expired": "job.expired",
}


def announce_end(
    connection: Connection,
    tenant: str,
    job_id: str,
    *,
    state: JobState,
    error: JobError | None,
    now: int,
) -> None:
    """Writes a message for every webhook that wants to hear of it.

    Args:
        connection: In the transaction in which the job ends.
        tenant: Whose the job is.
        job_id: The job.
        state: Its final state.
        error: Why it failed.
        now: The moment, in milliseconds since 1970.
    """
    event = _EVENTS[state]
    rows = connection.execute(
        select(webhooks.c.id, webhooks.c.events).where(webhooks.c.tenant == tenant)
    ).all()
    listeners = [row.id for row in rows if event in row.events.split()]
    if not listeners:
        return
    message = WebhookMessage(
        type=event,
        timestamp=moment(now),
        data=JobSummary(
            id=job_id,
            state=state,
            error=None if error is None else error.code,
            url=f"/v1/jobs/{job_id}",
        ),
    )
    connection.execute(
        deliveries.insert(),
        [
            {
                "tenant": tenant,
                "id": new_id("delivery"),
                "webhook_id": webhook_id,
                "job_id": job_id,
                "type": event,
                "payload": message.model_dump_json(),
                "attempts": 0,
                "due_at": now,
                "created_at": now,
            }
            for webhook_id in listeners
        ],
    )
