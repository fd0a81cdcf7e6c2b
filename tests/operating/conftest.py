"""A town that was lived in, read by a reader of three sentences, and a second place beside the first."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from bot.settings import Settings
from nlu.understanding import Entity, Understanding
from tests.conftest import fresh_postgres, settings_for
from tests.databases import drop_postgres
from tests.town import Town

LIGHT = "富邦小区5号楼2单元楼道灯不亮"
HEATING = "富邦小区5号楼暖气不热"


class Reader:
    """Knows lights from heating and gas, and one place."""

    async def understand(self, text: str) -> Understanding:
        words = {"暖气": "heating", "灯": "street_light", "煤气": "emergency"}
        intent = next((intent for word, intent in words.items() if word in text), "thanks")
        entities = tuple(
            Entity(kind, words, text.index(words), text.index(words) + len(words))
            for kind, words in (("estate", "富邦小区"), ("building", "5号楼"))
            if words in text
        )
        return Understanding(text, intent, 0.97, ((intent, 0.97),), (), entities)

    async def alike(self, text: str, others: Sequence[str]) -> list[float]:
        return [0.0] * len(others)


@pytest.fixture
def here(demo_url: str, tmp_path: Path) -> Settings:
    """The place that is backed up."""
    return settings_for(demo_url, tmp_path / "here")


@pytest.fixture
async def there(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Settings]:
    """A fresh place of the same kind."""
    if engine == "sqlite":
        yield settings_for(f"sqlite+aiosqlite:///{tmp_path / 'there' / 'town.db'}", tmp_path / "there")
        return
    url = await fresh_postgres(request.getfixturevalue("postgres_url"))
    yield settings_for(url, tmp_path / "there")
    await drop_postgres(url)


@pytest.fixture
async def lived_in(here: Settings) -> AsyncIterator[Town]:
    """Two cases at different stages, photos, a danger, a correction: something in most tables. It stays open."""
    async with Town.opened(here, Reader()) as town:
        await town.says("td-resident", LIGHT)
        await town.photographs("td-resident", "就是这个灯")
        await town.says("td-neighbour", HEATING)
        await town.says("sq-resident", "屋里煤气味很大")
        await town.taps("td-grid", "属实")
        await town.photographs("td-grid", "现场")
        await town.passes(hours=3)
        yield town
