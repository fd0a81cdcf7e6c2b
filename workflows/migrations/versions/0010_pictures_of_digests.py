"""A picture that we drew for a digest says whose digest it is"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    op.add_column("media", sa.Column("audience", sa.String(20), nullable=False, server_default=""))


def downgrade() -> None:
    """Backwards."""
    op.drop_column("media", "audience")
