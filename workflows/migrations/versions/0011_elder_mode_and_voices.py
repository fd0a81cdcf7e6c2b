"""长辈版 is kept per person, recordings beside photos, and whom to ring where somebody reports for a neighbour"""

import sqlalchemy as sa
from alembic import op

import workflows.models.base

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = workflows.models.base.UtcDateTime(timezone=True)


def upgrade() -> None:
    """Forwards."""
    op.add_column("persons", sa.Column("elder", sa.String(length=10), nullable=False, server_default=""))
    op.add_column("reporters", sa.Column("ring", sa.String(length=80), nullable=False, server_default=""))
    op.add_column("media", sa.Column("seconds", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("media", sa.Column("heard_at", _TIME, nullable=True))
    op.add_column(
        "media", sa.Column("heard_by", _ID, nullable=True)
    )  # no foreign key: SQLite would write the table anew


def downgrade() -> None:
    """Backwards."""
    for table, names in {
        "media": ("heard_by", "heard_at", "seconds"),
        "reporters": ("ring",),
        "persons": ("elder",),
    }.items():
        for name in names:
            op.drop_column(table, name)
