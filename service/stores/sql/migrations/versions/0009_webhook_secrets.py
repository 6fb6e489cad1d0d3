"""Secrets of webhooks by number, so that one can follow another."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("secret", "first_secret"):
        op.add_column(
            "webhooks",
            sa.Column(name, sa.Integer(), nullable=False, server_default="0"),
        )
    op.add_column("webhooks", sa.Column("old_secrets_until", sa.BigInteger()))


def downgrade() -> None:
    for name in ("old_secrets_until", "first_secret", "secret"):
        op.drop_column("webhooks", name)
