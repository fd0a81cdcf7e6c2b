"""Look-ups of duplicates and repeats go straight to the place"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    open_ = sa.text("closed_at IS NULL")
    for place in ("estate", "grid"):
        op.create_index(
            f"ix_cases_open_{place}",
            "cases",
            [f"{place}_id", "building_text", "opened_at"],
            unique=False,
            sqlite_where=open_,
            postgresql_where=open_,
        )
    op.drop_index("ix_cases_estate", table_name="cases")
    op.create_index(
        "ix_cases_estate",
        "cases",
        ["community_id", "estate_id", "category", "building_text", "opened_at"],
        unique=False,
    )


def downgrade() -> None:
    """Backwards."""
    op.drop_index("ix_cases_estate", table_name="cases")
    op.create_index("ix_cases_estate", "cases", ["community_id", "estate_id", "category", "opened_at"], unique=False)
    for place in ("estate", "grid"):
        op.drop_index(f"ix_cases_open_{place}", table_name="cases")
