"""Formats of jobs, by which older workers know what is not for them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "jobs", sa.Column("format", sa.Integer(), nullable=False, server_default="1")
    )


def downgrade() -> None:
    op.drop_column("jobs", "format")
