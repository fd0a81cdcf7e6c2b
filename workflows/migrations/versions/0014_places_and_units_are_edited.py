"""Places and units are edited and closed, and the measures of a quarter are counted within a page's time

A number tells every process when the directory was changed. Who was given a post in the console without being in a file
gets a key, so that the exported file has them.
"""

import sqlalchemy as sa
from alembic import op

import workflows.models.base

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = workflows.models.base.UtcDateTime(timezone=True)
_CLOSABLE = ("units", "grids", "estates", "buildings", "landmarks")


def upgrade() -> None:
    """Forwards."""
    state = op.create_table(
        "directory_state",
        sa.Column("id", _ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_directory_state"),
    )
    op.bulk_insert(state, [{"id": 1, "version": 0}])
    for table in _CLOSABLE:
        op.add_column(table, sa.Column("closed_at", _TIME, nullable=True))
        op.add_column(table, sa.Column("successor_id", _ID, nullable=True))
    op.add_column("units", sa.Column("contact", sa.String(length=80), nullable=False, server_default=""))
    op.add_column("units", sa.Column("hours", sa.String(length=80), nullable=False, server_default=""))
    op.execute(
        "UPDATE persons SET key = 'p' || id WHERE key IS NULL AND id IN (SELECT person_id FROM posts WHERE until IS NULL)"
    )
    op.add_column("cases", sa.Column("first_rung", sa.String(length=20), nullable=False, server_default=""))
    op.execute(
        "UPDATE cases SET first_rung = COALESCE((SELECT rung FROM case_events WHERE case_events.case_id = cases.id "
        "AND case_events.action = 'open' ORDER BY case_events.id LIMIT 1), '')"
    )
    op.drop_index("ix_case_events_at", "case_events")
    op.create_index("ix_case_events_at", "case_events", ["community_id", "at", "action"])
    op.drop_index("ix_cases_closed_at", "cases")
    op.create_index("ix_cases_closed_at", "cases", ["community_id", "closed_at", "opened_at"])
    op.create_index("ix_whistles_sent_at", "whistles", ["community_id", "sent_at"])


def downgrade() -> None:
    """Backwards."""
    op.drop_index("ix_whistles_sent_at", "whistles")
    op.drop_index("ix_cases_closed_at", "cases")
    op.create_index("ix_cases_closed_at", "cases", ["community_id", "closed_at"])
    op.drop_index("ix_case_events_at", "case_events")
    op.create_index("ix_case_events_at", "case_events", ["community_id", "at"])
    op.drop_column("cases", "first_rung")
    op.drop_column("units", "hours")
    op.drop_column("units", "contact")
    for table in _CLOSABLE:
        op.drop_column(table, "successor_id")
        op.drop_column(table, "closed_at")
    op.drop_table("directory_state")
