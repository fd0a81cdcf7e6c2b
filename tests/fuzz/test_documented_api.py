"""The documented HTTP faces, asked by schemathesis: whatever is sent, they answer as /openapi.json says."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import CheckFunction
from schemathesis.specs.openapi.checks import positive_data_acceptance

from bot.app import App
from bot.http import listening
from bot.operating.stopping import Stop, serve
from tests.benchmarks.fuzzing.reader import DiceReader
from tests.conftest import settings_for

pytestmark = pytest.mark.fuzz

INTERNAL = {"/", "/static/{name}", "/metrics", "/telegram/webhook"}
OPERATIONS = (
    ("GET", "/api/me"), ("POST", "/api/photo"), ("POST", "/api/voice"), ("POST", "/api/time"), ("GET", "/media/{photo_id}"),
    ("GET", "/healthz"), ("GET", "/readyz"),
)  # fmt: skip
EXAMPLES = {"/api/time": 12}  # each hour that goes by is work
# Whether bytes are a photo, and whose chat it is, no schema can say.
BEYOND_A_SCHEMA: dict[str, list[CheckFunction]] = {
    "/api/photo": [positive_data_acceptance],
    "/api/voice": [positive_data_acceptance],
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The whole product at work behind its own server, in a thread: schemathesis asks from outside, as anybody would."""
    folder: Path = tmp_path_factory.mktemp("documented")
    app = App(settings_for(f"sqlite+aiosqlite:///{folder / 'town.db'}", folder), understander=DiceReader("documented"))
    ready, stops = threading.Event(), []

    async def product(ports: list) -> None:
        async with app.running():
            stop, loop = Stop(), asyncio.get_running_loop()
            stops.append(lambda: loop.call_soon_threadsafe(stop.ask, SIGTERM))
            ready.set()
            await serve(app.http, ports, stop)

    with listening("127.0.0.1", 0) as ports:
        thread = threading.Thread(target=lambda: asyncio.run(product(ports)))
        thread.start()
        assert ready.wait(60)
        try:
            yield f"http://127.0.0.1:{ports[0].getsockname()[1]}"
        finally:
            stops[0]()
            thread.join(60)


@pytest.fixture(scope="module")
def documented(address: str) -> schemathesis.BaseSchema:
    """What the product says of itself."""
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_as_documented(documented: schemathesis.BaseSchema, method: str, path: str) -> None:
    @settings(max_examples=EXAMPLES.get(path, 40), suppress_health_check=list(HealthCheck))
    @given(documented[path][method].as_strategy())
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(timeout=120, excluded_checks=BEYOND_A_SCHEMA.get(path, []))

    ask()


def test_what_is_for_machines_and_pages_is_not_documented_and_the_rest_is(documented: schemathesis.BaseSchema) -> None:
    paths = set(documented.raw_schema["paths"])
    assert paths == {path for _, path in OPERATIONS}
    assert not paths & INTERNAL
