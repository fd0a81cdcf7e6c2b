"""One-time links to the console"""

import sqlalchemy as sa
from alembic import op

import workflows.models.base

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = workflows.models.base.UtcDateTime(timezone=True)


def upgrade() -> None:
    """Forwards."""
    op.create_table(
        "sign_ins",
        sa.Column("id", _ID, nullable=False),
        sa.Column("community_id", _ID, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("person_id", _ID, nullable=False),
        sa.Column("issued_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name="fk_sign_ins_community_id_communities"),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_sign_ins_person_id_persons"),
        sa.PrimaryKeyConstraint("id", name="pk_sign_ins"),
        sa.UniqueConstraint("token_hash", name="uq_sign_ins_token_hash"),
    )
    op.create_index("ix_sign_ins_person_id", "sign_ins", ["person_id"])


def downgrade() -> None:
    """Backwards."""
    op.drop_table("sign_ins")
