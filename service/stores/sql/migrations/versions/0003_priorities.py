"""Priorities of jobs, and the state of a job beside its labels."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATES_OF_LABELS = """
UPDATE job_labels SET state = (
    SELECT jobs.state FROM jobs
    WHERE jobs.tenant = job_labels.tenant AND jobs.id = job_labels.job_id
)
"""


def upgrade() -> None:
    op.add_column(
        "jobs", sa.Column("priority", sa.Integer(), nullable=False, server_default="1")
    )
    op.create_index("ix_jobs_state_priority_id", "jobs", ["state", "priority", "id"])
    op.add_column(
        "job_labels",
        sa.Column(
            "state", sa.String(length=16), nullable=False, server_default="queued"
        ),
    )
    op.execute(_STATES_OF_LABELS)
    op.create_index(
        "ix_job_labels_key_state", "job_labels", ["tenant", "key", "state", "job_id"]
    )
    op.create_index(
        "ix_job_labels_value_state",
        "job_labels",
        ["tenant", "key", "value", "state", "job_id"],
    )
    op.add_column(
        "idempotency_keys",
        sa.Column("queue_position", sa.Integer(), nullable=False, server_default="0"),
    )


def downgrade() -> None:
    op.drop_column("idempotency_keys", "queue_position")
    op.drop_index("ix_job_labels_value_state", "job_labels")
    op.drop_index("ix_job_labels_key_state", "job_labels")
    op.drop_column("job_labels", "state")
    op.drop_index("ix_jobs_state_priority_id", "jobs")
    op.drop_column("jobs", "priority")
