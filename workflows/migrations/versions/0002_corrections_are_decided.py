"""Corrections are decided upon: accepted ones train the reader"""

import sqlalchemy as sa
from alembic import op

import workflows.models.base

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    with op.batch_alter_table("corrections") as table:
        table.add_column(sa.Column("state", sa.String(length=10), nullable=False, server_default="new"))
        table.add_column(sa.Column("label", sa.String(length=30), nullable=False, server_default=""))
        table.add_column(sa.Column("decided_at", workflows.models.base.UtcDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Backwards."""
    with op.batch_alter_table("corrections") as table:
        for name in ("decided_at", "label", "state"):
            table.drop_column(name)
