"""A round of a seasonal plan can be left out with a reason; of a ruling somebody can say that it makes no rule"""

import sqlalchemy as sa
from alembic import op

import workflows.models.base

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None

_TIME = workflows.models.base.UtcDateTime(timezone=True)


def upgrade() -> None:
    """Forwards."""
    op.add_column("upkeep_tasks", sa.Column("skipped_at", _TIME, nullable=True))
    op.add_column("rulings", sa.Column("declined_at", _TIME, nullable=True))


def downgrade() -> None:
    """Backwards."""
    op.drop_column("rulings", "declined_at")
    op.drop_column("upkeep_tasks", "skipped_at")
