"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fenced_writes",
        sa.Column("operation", sa.String(length=32), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("operation", name="pk_fenced_writes"),
    )
    op.create_table(
        "tenants",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_api_keys_tenants"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
    )
    op.create_table(
        "expired_jobs",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("expired_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant"], ["tenants.id"], name="fk_expired_jobs_tenants"
        ),
        sa.PrimaryKeyConstraint("tenant", "job_id", name="pk_expired_jobs"),
    )
    op.create_table(
        "files",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("tensor_count", sa.Integer(), nullable=False),
        sa.Column("tensors", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_files_tenants"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_files"),
        sa.UniqueConstraint(
            "tenant", "sha256", "purpose", name="uq_files_tenant_sha256_purpose"
        ),
    )
    op.create_table(
        "jobs",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("phase", sa.String(length=32)),
        sa.Column("progress", sa.Text()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("start_before", sa.BigInteger()),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("running_since", sa.BigInteger()),
        sa.Column("spent_ms", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("cancel_requested_at", sa.BigInteger()),
        sa.Column("retention_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("deleted_at", sa.BigInteger()),
        sa.Column("error", sa.Text()),
        sa.Column("result", sa.Text()),
        sa.Column("environment", sa.Text()),
        sa.Column("artifacts", sa.Text(), nullable=False),
        sa.Column("retried_from", sa.String(length=40)),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'cancelling', 'succeeded', 'failed', "
            "'cancelled', 'expired')",
            name=op.f("ck_jobs_state"),
        ),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_jobs_tenants"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_jobs"),
    )
    op.create_index("ix_jobs_deleted_at", "jobs", ["deleted_at"])
    op.create_index("ix_jobs_expires_at", "jobs", ["expires_at"])
    op.create_index("ix_jobs_state_start_before", "jobs", ["state", "start_before"])
    op.create_index("ix_jobs_tenant_state_id", "jobs", ["tenant", "state", "id"])
    op.create_table(
        "events",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "job_id"],
            ["jobs.tenant", "jobs.id"],
            name="fk_events_jobs",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "job_id", "sequence", name="pk_events"),
    )
    op.create_table(
        "job_files",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("file_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "file_id"],
            ["files.tenant", "files.id"],
            name="fk_job_files_files",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "job_id"],
            ["jobs.tenant", "jobs.id"],
            name="fk_job_files_jobs",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "job_id", "file_id", name="pk_job_files"),
    )
    op.create_index("ix_job_files_file", "job_files", ["tenant", "file_id"])
    op.create_table(
        "job_labels",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.String(length=256), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "job_id"],
            ["jobs.tenant", "jobs.id"],
            name="fk_job_labels_jobs",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "job_id", "key", name="pk_job_labels"),
    )
    op.create_index("ix_job_labels_key", "job_labels", ["tenant", "key", "job_id"])
    op.create_index(
        "ix_job_labels_value",
        "job_labels",
        ["tenant", "key", "value", "job_id"],
    )
    op.create_table(
        "shards",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first_start", sa.Integer(), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=80)),
        sa.Column("worker", sa.Text()),
        sa.Column("lease_expires_at", sa.BigInteger()),
        sa.Column("renewed_at", sa.BigInteger()),
        sa.Column("stored_at", sa.BigInteger()),
        sa.Column("published_at", sa.BigInteger()),
        sa.Column("phase", sa.String(length=32)),
        sa.Column("progress", sa.Text()),
        sa.CheckConstraint(
            "(state = 'running') = (lease_expires_at IS NOT NULL)",
            name=op.f("ck_shards_lease"),
        ),
        sa.CheckConstraint(
            "(state = 'running') = (token IS NOT NULL)", name=op.f("ck_shards_token")
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'stored', 'failed', 'cancelled')",
            name=op.f("ck_shards_state"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "job_id"],
            ["jobs.tenant", "jobs.id"],
            name="fk_shards_jobs",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_shards"),
        sa.UniqueConstraint(
            "tenant", "job_id", "number", name="uq_shards_tenant_job_id_number"
        ),
    )
    op.create_index(
        "ix_shards_state_lease_expires_at",
        "shards",
        ["state", "lease_expires_at"],
    )
    op.create_index(
        "ix_shards_state_published_at",
        "shards",
        ["state", "published_at"],
    )


def downgrade() -> None:
    op.drop_table("shards")
    op.drop_table("job_labels")
    op.drop_table("job_files")
    op.drop_table("events")
    op.drop_table("jobs")
    op.drop_table("files")
    op.drop_table("expired_jobs")
    op.drop_table("api_keys")
    op.drop_table("workers")
    op.drop_table("tenants")
    op.drop_table("fenced_writes")
