"""Patrols, whistles with several departments, answer links, rulings, seasonal contracts, suspended and merged cases"""

import sqlalchemy as sa
from alembic import op

import workflows.models.base

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = workflows.models.base.UtcDateTime(timezone=True)


def _refers(name: str, other: str, *, nullable: bool = False, index: bool = False) -> sa.Column[int]:
    return sa.Column(name, _ID, sa.ForeignKey(f"{other}.id"), nullable=nullable, index=index)


def _key() -> sa.Column[int]:
    return sa.Column("id", _ID, primary_key=True)


def upgrade() -> None:
    """Forwards."""
    op.create_table(
        "answer_links",
        _key(),
        _refers("community_id", "communities"),
        _refers("whistle_id", "whistles", index=True),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        _refers("issued_by", "persons", nullable=True),
        sa.Column("issued_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME, nullable=True),
    )
    op.create_table(
        "rulings",
        _key(),
        _refers("community_id", "communities"),
        _refers("case_id", "cases"),
        sa.Column("category", sa.String(30), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("estate_text", sa.String(80), nullable=False),
        sa.Column("place_text", sa.String(200), nullable=False),
        sa.Column("refused_by", sa.JSON(), nullable=False),
        _refers("department_unit_id", "units"),
        sa.Column("reason", sa.Text(), nullable=False),
        _refers("ruled_by", "persons", nullable=True),
        sa.Column("at", _TIME, nullable=False),
    )
    op.create_index("ix_rulings_category", "rulings", ["community_id", "category"])
    op.create_table(
        "routing_rules",
        _key(),
        _refers("community_id", "communities"),
        _refers("ruling_id", "rulings"),
        sa.Column("category", sa.String(30), nullable=False),
        sa.Column("estate_text", sa.String(80), nullable=False),
        sa.Column("word", sa.String(200), nullable=False),
        _refers("department_unit_id", "units"),
        _refers("accepted_by", "persons", nullable=True),
        sa.Column("accepted_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
    )
    op.create_index("ix_routing_rules_category", "routing_rules", ["community_id", "category"])
    op.create_table(
        "patrols",
        _key(),
        _refers("community_id", "communities"),
        _refers("grid_id", "grids", nullable=True),
        _refers("person_id", "persons"),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
    )
    op.create_index("ix_patrols_at", "patrols", ["community_id", "at"])
    op.create_table(
        "upkeep_plans",
        _key(),
        _refers("community_id", "communities"),
        _refers("case_id", "cases"),
        _refers("unit_id", "units"),
        sa.Column("work", sa.String(120), nullable=False),
        sa.Column("rhythm", sa.String(10), nullable=False),
        sa.Column("every", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.String(40), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        _refers("made_by", "persons", nullable=True),
        sa.Column("made_at", _TIME, nullable=False),
        _refers("season_of", "upkeep_plans", nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
    )
    op.create_index("ix_upkeep_plans_case", "upkeep_plans", ["case_id"])
    op.create_table(
        "upkeep_tasks",
        _key(),
        _refers("community_id", "communities"),
        _refers("plan_id", "upkeep_plans"),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("asked_at", _TIME, nullable=True),
        sa.Column("missed_at", _TIME, nullable=True),
        sa.Column("done_at", _TIME, nullable=True),
        _refers("done_by", "persons", nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("photos", sa.JSON(), nullable=False),
    )
    op.create_index("ix_upkeep_tasks_plan", "upkeep_tasks", ["plan_id", "due_on"])
    op.create_index("ix_upkeep_tasks_day", "upkeep_tasks", ["community_id", "due_on"])
    op.add_column("whistles", sa.Column("lead", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("whistles", sa.Column("answered_by", sa.String(80), nullable=False, server_default=""))
    op.add_column("estates", sa.Column("lat", sa.Numeric(9, 6), nullable=True))
    op.add_column("estates", sa.Column("lon", sa.Numeric(9, 6), nullable=True))
    # Without foreign keys: for those SQLite would have to write the table anew, under everything that refers to it.
    for name in _OF_CASES:
        op.add_column("cases", sa.Column(name, _ID, nullable=True))
    op.add_column("cases", sa.Column("suspended_until", _TIME, nullable=True))
    op.create_index("ix_cases_recurrence_of", "cases", ["recurrence_of"])


_OF_CASES = ("recurrence_of", "merged_into", "routing_rule_id")
_TABLES = ("upkeep_tasks", "upkeep_plans", "patrols", "routing_rules", "rulings", "answer_links")


def downgrade() -> None:
    """Backwards."""
    op.drop_index("ix_cases_recurrence_of", "cases")
    for table, names in (
        ("cases", (*_OF_CASES, "suspended_until")),
        ("estates", ("lat", "lon")),
        ("whistles", ("lead", "answered_by")),
    ):
        for name in names:
            op.drop_column(table, name)
    for name in _TABLES:
        op.drop_table(name)
