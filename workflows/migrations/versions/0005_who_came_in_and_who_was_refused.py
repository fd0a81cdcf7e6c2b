"""One-time links to the console, the record of what was refused, and what was cleared away"""

import sqlalchemy as sa
from alembic import op

import workflows.models.base

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TO_EXPIRE = sa.text("closed_at IS NOT NULL AND expired_at IS NULL")
_SHOWN = sa.text("photo IS NOT NULL")
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
    op.create_table(
        "refusals",
        sa.Column("id", _ID, nullable=False),
        sa.Column("community_id", _ID, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("person_id", _ID, nullable=True),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("case_id", _ID, nullable=True),
        sa.Column("why", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name="fk_refusals_community_id_communities"),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_refusals_person_id_persons"),
        sa.PrimaryKeyConstraint("id", name="pk_refusals"),
    )
    op.create_index("ix_refusals_at", "refusals", ["at"])
    op.create_index("ix_refusals_person_id", "refusals", ["person_id", "at"])
    op.create_index("ix_media_uploaded_by", "media", ["uploaded_by", "created_at"])
    op.create_index("ix_web_bubbles_photo", "web_bubbles", ["photo"], sqlite_where=_SHOWN, postgresql_where=_SHOWN)
    for name in ("cases", "persons"):
        op.add_column(name, sa.Column("expired_at", _TIME, nullable=True))
    op.create_index(
        "ix_cases_to_expire",
        "cases",
        ["community_id", "closed_at"],
        sqlite_where=_TO_EXPIRE,
        postgresql_where=_TO_EXPIRE,
    )


def downgrade() -> None:
    """Backwards."""
    op.drop_index("ix_web_bubbles_photo", table_name="web_bubbles")
    op.drop_index("ix_media_uploaded_by", table_name="media")
    op.drop_index("ix_cases_to_expire", table_name="cases")
    for name in ("cases", "persons"):
        with op.batch_alter_table(name) as table:
            table.drop_column("expired_at")
    op.drop_table("refusals")
    op.drop_table("sign_ins")
