"""What was last done with a case stands on its row: how things stand can be counted without asking the history of each"""

import sqlalchemy as sa
from alembic import op

import workflows.models.base

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_TIME = workflows.models.base.UtcDateTime(timezone=True)
# As of this revision; `workflows/policy/measures.py` may go on from here.
_MARKERS = ("blow_whistle", "report_result", "plan", "overdue")
_KEEPS_THE_CLOCK = (
    "accept", "verify", "ask_building_head", "ask_resident", "supply", "resume", "remind", "join", "leave", "add",
    "reclassify", "relocate", "urge", "comment", "keep", "call_assistant", "assist", "issue_link", "ask_suspension",
    "refuse_suspension", "suspend", "wake", "upkeep", "absorb", "split",
)  # fmt: skip


def upgrade() -> None:
    """Forwards."""
    op.add_column("cases", sa.Column("touched_at", _TIME, nullable=False, server_default="1970-01-01 00:00:00.000000"))
    op.add_column("cases", sa.Column("last_marker", sa.String(length=30), nullable=False, server_default=""))
    op.add_column("cases", sa.Column("last_step", sa.String(length=30), nullable=False, server_default=""))
    cases = sa.table(
        "cases", sa.column("id"), sa.column("touched_at"), sa.column("last_marker"), sa.column("last_step")
    )
    events = sa.table("case_events", sa.column("id"), sa.column("case_id"), sa.column("at"), sa.column("action"))

    def last(matters: sa.ColumnElement[bool]) -> sa.ColumnElement[str]:
        found = sa.select(events.c.action).where(events.c.case_id == cases.c.id, matters)
        return sa.func.coalesce(found.order_by(events.c.id.desc()).limit(1).scalar_subquery(), "")

    newest = sa.select(sa.func.max(events.c.at)).where(events.c.case_id == cases.c.id).scalar_subquery()
    op.execute(
        sa.update(cases).values(
            touched_at=sa.func.coalesce(newest, cases.c.touched_at),
            last_marker=last(events.c.action.in_(_MARKERS)),
            last_step=last(events.c.action.not_in(_KEEPS_THE_CLOCK)),
        )
    )
    op.create_index("ix_cases_touched_at", "cases", ["community_id", "touched_at"])


def downgrade() -> None:
    """Backwards."""
    op.drop_index("ix_cases_touched_at", "cases")
    for name in ("last_step", "last_marker", "touched_at"):
        op.drop_column("cases", name)
