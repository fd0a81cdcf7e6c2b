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
    with op.batch_alter_table("media") as table:
        table.add_column(sa.Column("seconds", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("heard_at", _TIME, nullable=True))
        table.add_column(sa.Column("heard_by", _ID, nullable=True))
        table.create_foreign_key("fk_media_heard_by_persons", "persons", ["heard_by"], ["id"])


def downgrade() -> None:
    """Backwards."""
    with op.batch_alter_table("media") as table:
        table.drop_constraint("fk_media_heard_by_persons", type_="foreignkey")
        for name in ("heard_by", "heard_at", "seconds"):
            table.drop_column(name)
    op.drop_column("reporters", "ring")
    op.drop_column("persons", "elder")
