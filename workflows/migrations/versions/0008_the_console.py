"""The console: its audit log, the calls to 12345 by month, and cases by the day they were opened"""

import sqlalchemy as sa
from alembic import op

import workflows.models.base

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = workflows.models.base.UtcDateTime(timezone=True)


def upgrade() -> None:
    """Forwards."""
    op.create_table(
        "audit_entries",
        sa.Column("id", _ID, nullable=False),
        sa.Column("community_id", _ID, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("person_id", _ID, nullable=False),
        sa.Column("deed", sa.String(length=20), nullable=False),
        sa.Column("case_id", _ID, nullable=True),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_audit_entries_case_id_cases"),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name="fk_audit_entries_community_id_communities"),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_audit_entries_person_id_persons"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
    )
    op.create_index("ix_audit_entries_community", "audit_entries", ["community_id", "id"])
    op.create_table(
        "hotline_months",
        sa.Column("id", _ID, nullable=False),
        sa.Column("community_id", _ID, nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("entered_by", _ID, nullable=False),
        sa.Column("entered_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id"], ["communities.id"], name="fk_hotline_months_community_id_communities"
        ),
        sa.ForeignKeyConstraint(["entered_by"], ["persons.id"], name="fk_hotline_months_entered_by_persons"),
        sa.PrimaryKeyConstraint("id", name="pk_hotline_months"),
        sa.UniqueConstraint("community_id", "month", name="uq_hotline_months_community_id"),
    )
    op.create_index("ix_cases_opened_at", "cases", ["community_id", "opened_at"])


def downgrade() -> None:
    """Backwards."""
    op.drop_index("ix_cases_opened_at", "cases")
    op.drop_table("hotline_months")
    op.drop_index("ix_audit_entries_community", "audit_entries")
    op.drop_table("audit_entries")
