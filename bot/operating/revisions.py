"""Which states of the tables this program knows."""

from alembic.config import Config
from alembic.script import ScriptDirectory

from workflows.database import MIGRATIONS


def known() -> tuple[str, ...]:
    """Every revision, oldest first; the last one is this program's own."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return tuple(reversed([one.revision for one in ScriptDirectory.from_config(config).walk_revisions()]))
