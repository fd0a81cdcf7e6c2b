"""Dangers are followed to their end; complaints about the grid go around it; "还在办" once a day"""

import sqlalchemy as sa
from alembic import op

import workflows.models.base

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PLACES = {"grid_id": "grids", "estate_id": "estates", "building_id": "buildings"}
_TIMES = ("reported_at", "cleared_at")
_WORDS = {"place": sa.String(length=200), "report": sa.Text()}


def upgrade() -> None:
    """Forwards."""
    with op.batch_alter_table("cases") as table:
        table.add_column(sa.Column("about_grid", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("persons") as table:
        table.add_column(sa.Column("reassured_at", workflows.models.base.UtcDateTime(timezone=True), nullable=True))
    with op.batch_alter_table("alerts") as table:
        for name, other in _PLACES.items():
            table.add_column(sa.Column(name, _ID, nullable=True))
            table.create_foreign_key(f"fk_alerts_{name}_{other}", other, [name], ["id"])
        for name, kind in _WORDS.items():
            table.add_column(sa.Column(name, kind, nullable=False, server_default=""))
        for name in _TIMES:
            table.add_column(sa.Column(name, workflows.models.base.UtcDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Backwards."""
    with op.batch_alter_table("alerts") as table:
        for name, other in _PLACES.items():
            table.drop_constraint(f"fk_alerts_{name}_{other}", type_="foreignkey")
        for name in (*_PLACES, *_WORDS, *_TIMES):
            table.drop_column(name)
    with op.batch_alter_table("persons") as table:
        table.drop_column("reassured_at")
    with op.batch_alter_table("cases") as table:
        table.drop_column("about_grid")
