"""What a reporter who asked for secrecy has said stands beside the case, for those who must know"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    op.add_column("reporters", sa.Column("confidential", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("reporters", sa.Column("own_words", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Backwards."""
    op.drop_column("reporters", "own_words")
    op.drop_column("reporters", "confidential")
