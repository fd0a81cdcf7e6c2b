"""Who writes too much is told once and kindly; danger is heard at any speed; restarts and other processes change nothing."""

import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from bot.app import App
from bot.channels.web.messenger import CHANNEL
from bot.channels.web.page import message_update
from nlu.rasa_client import RasaClient
from tests.conftest import settings_for
from tests.town import Town
from workflows.media import clean, keep, path_of
from workflows.models import Alert, Media

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

RESIDENT, NEIGHBOUR, GRID = "td-resident", "td-neighbour", "td-grid"
FEW = {"in_demo": True, "messages_per_minute": 5, "cases_per_day": 2, "photos_per_hour": 1}
TOO_FAST = "您发得太快"
PLACES = ("3号楼2单元楼道灯不亮了", "5号楼1单元下水道往外冒水", "7号楼3单元电梯停了两天了", "8号楼垃圾桶满了没人清")


@pytest.fixture(name="town")
async def limited_town(demo_url: str, tmp_path: Path, reader: RasaClient) -> AsyncIterator[Town]:
    """A town with low limits."""
    async with Town.opened(settings_for(demo_url, tmp_path, limits=FEW), reader) as town:
        yield town


async def restarted(town: Town) -> None:
    """Another process takes over: nothing is in its memory."""
    old = town.app
    town.app = App(old.settings, clock=town.clock, understander=old.understander, database=old.database)
    await town.app.prepare()


async def test_who_writes_too_fast_is_told_once_and_when_to_go_on(town: Town) -> None:
    said = [await town.says(RESIDENT, "你好") for _ in range(9)]
    assert all(TOO_FAST not in one and one for one in said[:5])
    assert TOO_FAST in said[5] and "过60秒" in said[5] and "119" in said[5]
    assert said[6:] == ["", "", ""]
    assert TOO_FAST not in await town.says(NEIGHBOUR, "你好")
    await restarted(town)
    assert await town.says(RESIDENT, "你好") == ""
    town.clock.set(town.clock.now() + timedelta(seconds=60))
    assert TOO_FAST not in await town.says(RESIDENT, "你好")


async def test_taps_count_as_well_and_an_unfinished_report_stays(town: Town) -> None:
    await town.says(RESIDENT, "/menu")
    for _ in range(4):
        await town.says(RESIDENT, "/help")
    assert TOO_FAST in await town.taps(RESIDENT, "供暖")
    town.clock.set(town.clock.now() + timedelta(minutes=1))
    assert TOO_FAST not in await town.taps(RESIDENT, "供暖")


async def test_danger_is_heard_at_any_speed(town: Town) -> None:
    for _ in range(8):
        await town.says(RESIDENT, "你好")
    said = await town.says(RESIDENT, "富邦小区3号楼着火了，快来人！")
    assert "119" in said and TOO_FAST not in said
    assert len(await town.rows(Alert)) == 1
    assert "险情" in await town.heard(GRID)
    for _ in range(3):  # and what follows it
        assert TOO_FAST not in await town.says(RESIDENT, "三楼窗户往外冒烟")
    assert "冒烟" in await town.heard(GRID)


async def test_duty_people_may_write_far_more(town: Town) -> None:
    for _ in range(30):
        assert TOO_FAST not in await town.says(GRID, "/desk")


async def test_so_many_new_matters_a_day(town: Town) -> None:
    for place in PLACES[:2]:
        assert "已登记" in await town.says(RESIDENT, f"富邦小区{place}")
        town.clock.set(town.clock.now() + timedelta(minutes=40))
    await restarted(town)
    said = await town.says(RESIDENT, f"富邦小区{PLACES[2]}")
    assert "没有记下" in said and "明天" in said and "已登记" not in said
    assert len(await town.cases()) == 2
    assert "119" in await town.says(RESIDENT, "富邦小区3号楼着火了，快来人！")
    assert "已登记" in await town.says(NEIGHBOUR, f"富邦小区{PLACES[3]}")
    town.clock.set(town.clock.now() + timedelta(hours=23))
    assert "已登记" in await town.says(RESIDENT, f"富邦小区{PLACES[2]}")


async def test_photos_that_a_messenger_brings_are_counted_too(town: Town) -> None:
    """The page counts before it takes one; what another channel has fetched is counted when it is entered."""
    person = await town.person(RESIDENT)
    folder = town.app.settings.storage
    said = []
    for number in range(2):
        photo = clean(jpeg(), 1)
        keep(folder, photo)
        update = message_update(number + 1, town.chat(RESIDENT), 0, "", photo.id)
        await town.heard(RESIDENT)
        measures = {"photo_id": photo.id, "width": 1, "height": 1, "size": 1}

        async def fetch(_update: object, found: dict[str, object] = measures) -> dict[str, object]:
            return found

        town.app.fetchers[CHANNEL] = fetch
        await town.app.inbox.receive(CHANNEL, f"fetched{number}", town.chat(RESIDENT), update)
        await town.settled()
        said.append(await town.heard(RESIDENT))
        assert path_of(folder, photo.id).exists() == (number == 0)
    assert "照片收到了" in said[0] and "一个小时以后" in said[1]
    assert [row.uploaded_by for row in await town.rows(Media)] == [person.id]


def jpeg() -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (1, 2, 3)).save(out, "JPEG")
    return out.getvalue()
