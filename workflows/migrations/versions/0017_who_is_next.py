"""The first row of each chat that is due is found without reading what waits; what is on its way says so"""

import sqlalchemy as sa
from alembic import op

import workflows.models.base

revision = "0017"
down_revision = "0011"
branch_labels = None
depends_on = None

_TIME = workflows.models.base.UtcDateTime(timezone=True)
_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    """Forwards."""
    op.add_column("outbox", sa.Column("unsure_since", _TIME, nullable=True))
    op.add_column("outbox", sa.Column("parts_arrived", sa.Integer(), nullable=False, server_default="0"))
    _waiting("ix_outbox_due", "outbox", ["retry_at", "not_before", "id"])
    op.drop_index("ix_inbox_waiting", table_name="inbox")
    _waiting("ix_inbox_due", "inbox", ["retry_at", "id"])
    _waiting("ix_inbox_chat", "inbox", ["channel", "chat_key", "id"])


def downgrade() -> None:
    """Backwards."""
    op.drop_index("ix_inbox_chat", table_name="inbox")
    op.drop_index("ix_inbox_due", table_name="inbox")
    _waiting("ix_inbox_waiting", "inbox", ["id"])
    op.drop_index("ix_outbox_due", table_name="outbox")
    for name in ("parts_arrived", "unsure_since"):
        op.drop_column("outbox", name)


def _waiting(name: str, table: str, columns: list[str]) -> None:
    op.create_index(name, table, columns, unique=False, sqlite_where=_WAITING, postgresql_where=_WAITING)
