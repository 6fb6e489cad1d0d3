"""Device time of each tenant."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("shards", sa.Column("claimed_at", sa.BigInteger()))
    op.create_index("ix_shards_tenant_state", "shards", ["tenant", "state"])
    op.create_table(
        "device_use",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("milliseconds", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant"], ["tenants.id"], name="fk_device_use_tenants"
        ),
        sa.PrimaryKeyConstraint("tenant", "day", name="pk_device_use"),
    )


def downgrade() -> None:
    op.drop_table("device_use")
    op.drop_index("ix_shards_tenant_state", "shards")
    op.drop_column("shards", "claimed_at")
