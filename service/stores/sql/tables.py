"""The tables, one schema for SQLite and PostgreSQL.

Every row that belongs to a tenant begins its key with the tenant, and foreign keys
carry it along, so that no row can point into another tenant. Moments are milliseconds
since 1970 (`service.stores.sql.clock`); documents of the shared vocabulary are JSON
text.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

tenants = Table(
    "tenants",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant", String(64), ForeignKey("tenants.id"), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    UniqueConstraint("digest"),
)

files = Table(
    "files",
    metadata,
    Column("tenant", String(64), ForeignKey("tenants.id"), primary_key=True),
    Column("id", String(40), primary_key=True),
    Column("purpose", String(16), nullable=False),
    Column("filename", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("tensor_count", Integer, nullable=False),
    Column("tensors", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("tenant", "sha256", "purpose"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("tenant", String(64), ForeignKey("tenants.id"), primary_key=True),
    Column("id", String(40), primary_key=True),
    Column("purpose", String(16), nullable=False),
    Column("filename", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("writer", String(40)),
    Column("file_id", String(40)),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    ForeignKeyConstraint(
        ["tenant", "file_id"], ["files.tenant", "files.id"], ondelete="CASCADE"
    ),
    Index("ix_uploads_file", "tenant", "file_id"),
    Index("ix_uploads_sha256", "tenant", "sha256"),
    Index("ix_uploads_expires_at", "expires_at"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("tenant", String(64), ForeignKey("tenants.id"), primary_key=True),
    Column("id", String(40), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("phase", String(32)),
    Column("progress", Text),
    Column("attempt", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("request", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("queued_at", BigInteger, nullable=False),
    Column("start_before", BigInteger),
    Column("started_at", BigInteger),
    Column("running_since", BigInteger),
    Column("spent_ms", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("cancel_requested_at", BigInteger),
    Column("retention_ms", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("deleted_at", BigInteger),
    Column("error", Text),
    Column("result", Text),
    Column("environment", Text),
    Column("artifacts", Text, nullable=False),
    Column("retried_from", String(40)),
    Column("sequence", Integer, nullable=False),
    Column("priority", Integer, nullable=False, server_default="1"),
    Column("format", Integer, nullable=False, server_default="1"),
    Column("traceparent", String(55)),
    CheckConstraint(
        "state IN ('queued', 'running', 'cancelling', 'succeeded', 'failed', "
        "'cancelled', 'expired')",
        name="state",
    ),
    Index("ix_jobs_tenant_state_id", "tenant", "state", "id"),
    Index("ix_jobs_state_priority_id", "state", "priority", "id"),
    Index("ix_jobs_state_start_before", "state", "start_before"),
    Index("ix_jobs_expires_at", "expires_at"),
    Index("ix_jobs_deleted_at", "deleted_at"),
)

job_labels = Table(
    "job_labels",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("job_id", String(40), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("value", String(256), nullable=False),
    Column("state", String(16), nullable=False, server_default="queued"),
    ForeignKeyConstraint(
        ["tenant", "job_id"], ["jobs.tenant", "jobs.id"], ondelete="CASCADE"
    ),
    Index("ix_job_labels_key", "tenant", "key", "job_id"),
    Index("ix_job_labels_value", "tenant", "key", "value", "job_id"),
    Index("ix_job_labels_key_state", "tenant", "key", "state", "job_id"),
    Index("ix_job_labels_value_state", "tenant", "key", "value", "state", "job_id"),
)

job_files = Table(
    "job_files",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("job_id", String(40), primary_key=True),
    Column("file_id", String(40), primary_key=True),
    ForeignKeyConstraint(
        ["tenant", "job_id"], ["jobs.tenant", "jobs.id"], ondelete="CASCADE"
    ),
    ForeignKeyConstraint(
        ["tenant", "file_id"], ["files.tenant", "files.id"], ondelete="CASCADE"
    ),
    Index("ix_job_files_file", "tenant", "file_id"),
)

shards = Table(
    "shards",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("job_id", String(40), nullable=False),
    Column("number", Integer, nullable=False),
    Column("first_start", Integer, nullable=False),
    Column("starts", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("token", String(80)),
    Column("worker", Text),
    Column("lease_expires_at", BigInteger),
    Column("renewed_at", BigInteger),
    Column("stored_at", BigInteger),
    Column("published_at", BigInteger),
    Column("phase", String(32)),
    Column("progress", Text),
    Column("claimed_at", BigInteger),
    ForeignKeyConstraint(
        ["tenant", "job_id"], ["jobs.tenant", "jobs.id"], ondelete="CASCADE"
    ),
    UniqueConstraint("tenant", "job_id", "number"),
    CheckConstraint(
        "state IN ('queued', 'running', 'stored', 'failed', 'cancelled')", name="state"
    ),
    CheckConstraint("(state = 'running') = (token IS NOT NULL)", name="token"),
    CheckConstraint(
        "(state = 'running') = (lease_expires_at IS NOT NULL)", name="lease"
    ),
    Index("ix_shards_state_lease_expires_at", "state", "lease_expires_at"),
    Index("ix_shards_state_published_at", "state", "published_at"),
    Index("ix_shards_tenant_state", "tenant", "state"),
)

device_use = Table(
    "device_use",
    metadata,
    Column("tenant", String(64), ForeignKey("tenants.id"), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("milliseconds", BigInteger, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("job_id", String(40), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("type", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("data", Text, nullable=False),
    ForeignKeyConstraint(
        ["tenant", "job_id"], ["jobs.tenant", "jobs.id"], ondelete="CASCADE"
    ),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("tenant", String(64), ForeignKey("tenants.id"), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("job_id", String(40), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("queue_position", Integer, nullable=False, server_default="0"),
    Index("ix_idempotency_keys_created_at", "created_at"),
)

expired_jobs = Table(
    "expired_jobs",
    metadata,
    Column("tenant", String(64), ForeignKey("tenants.id"), primary_key=True),
    Column("job_id", String(40), primary_key=True),
    Column("expired_at", BigInteger, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("device", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("runner_bytes", BigInteger, nullable=False, server_default="0"),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("tenant", String(64), ForeignKey("tenants.id"), primary_key=True),
    Column("id", String(40), primary_key=True),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("secret", Integer, nullable=False, server_default="0"),
    Column("first_secret", Integer, nullable=False, server_default="0"),
    Column("old_secrets_until", BigInteger),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("id", String(41), primary_key=True),
    Column("webhook_id", String(40), nullable=False),
    Column("job_id", String(40), nullable=False),
    Column("type", String(32), nullable=False),
    Column("payload", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", BigInteger),
    Column("last_status", Integer),
    Column("last_error", String(32)),
    Column("created_at", BigInteger, nullable=False),
    Column("delivered_at", BigInteger),
    ForeignKeyConstraint(
        ["tenant", "webhook_id"],
        ["webhooks.tenant", "webhooks.id"],
        ondelete="CASCADE",
    ),
    Index("ix_deliveries_webhook", "tenant", "webhook_id", "id"),
    Index("ix_deliveries_due_at", "due_at"),
    Index("ix_deliveries_created_at", "created_at"),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("label", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

fenced_writes = Table(
    "fenced_writes",
    metadata,
    Column("operation", String(32), primary_key=True),
    Column("refused", BigInteger, nullable=False),
)
