"""The first row of each chat that is due is found without reading what waits; what is on its way says so"""

import sqlalchemy as sa
from alembic import op

import workflows.models.base

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TIME = workflows.models.base.UtcDateTime(timezone=True)


def upgrade() -> None:
    """Forwards."""
    op.add_column("outbox", sa.Column("unsure_since", _TIME, nullable=True))
    op.add_column("outbox", sa.Column("parts_arrived", sa.Integer(), nullable=False, server_default="0"))
    _waiting("ix_outbox_new", "outbox", ["id"], " AND retry_at IS NULL AND not_before <= created_at")
    _waiting("ix_outbox_later", "outbox", ["not_before"], " AND retry_at IS NULL AND not_before > created_at")
    _waiting("ix_outbox_again", "outbox", ["retry_at"], " AND retry_at IS NOT NULL")
    op.drop_index("ix_inbox_waiting", table_name="inbox")
    _waiting("ix_inbox_new", "inbox", ["id"], " AND retry_at IS NULL")
    _waiting("ix_inbox_again", "inbox", ["retry_at"], " AND retry_at IS NOT NULL")
    _waiting("ix_inbox_chat", "inbox", ["channel", "chat_key", "id"])


def downgrade() -> None:
    """Backwards."""
    for name in ("chat", "again", "new"):
        op.drop_index(f"ix_inbox_{name}", table_name="inbox")
    _waiting("ix_inbox_waiting", "inbox", ["id"])
    for name in ("again", "later", "new"):
        op.drop_index(f"ix_outbox_{name}", table_name="outbox")
    for name in ("parts_arrived", "unsure_since"):
        op.drop_column("outbox", name)


def _waiting(name: str, table: str, columns: list[str], more: str = "") -> None:
    waiting = sa.text(f"state = 'waiting'{more}")
    op.create_index(name, table, columns, unique=False, sqlite_where=waiting, postgresql_where=waiting)
