"""Voice messages: kept, heard by the grid worker, read where an engine is there, and never lost."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nlu.rasa_client import RasaClient
from nlu.speech import SpeechUnavailable
from tests.conftest import settings_for
from tests.journeys.recordings import ogg
from tests.town import Town
from workflows.media import path_of
from workflows.models import Media, WebBubble
from workflows.people import People
from workflows.voices import is_voice

pytestmark = [pytest.mark.journey, pytest.mark.rasa]


class Ear:
    """A speech engine at the real port: says what it was told to hear, and remembers the files that it was given."""

    def __init__(self) -> None:
        self.hears = ""
        self.given: list[bytes] = []

    def recognise(self, recording: Path) -> str:
        """The words that the test has laid into its mouth."""
        self.given.append(recording.read_bytes())
        if self.hears == "broken":
            raise SpeechUnavailable("the model has gone")
        return self.hears


@pytest.fixture
def ear() -> Ear:
    """The engine."""
    return Ear()


@pytest.fixture
async def listening_town(demo_url: str, tmp_path: Path, reader: RasaClient, ear: Ear) -> AsyncIterator[Town]:
    """The neighbourhood with a speech engine installed."""
    async with Town.opened(settings_for(demo_url, tmp_path), reader, speech=ear) as opened:
        yield opened


async def voices(town: Town, who: str) -> list[WebBubble]:
    """The recordings that were handed to somebody."""
    return [b for b in await town.bubbles(who) if b.kind == "voice" and b.sender == "bot"]


async def may_listen(town: Town, who: str, voice_id: str) -> bool:
    """Whether the page would play it to them."""
    person = await town.person(who)
    async with town.app.database.reading() as session:
        office = town.app.office(session)
        return await office.photos.may_look(person.id, voice_id, People(session, office.now))


async def test_a_voice_alone_becomes_a_case_that_the_grid_worker_hears_and_sorts(town: Town) -> None:
    said = await town.speaks("td-resident", ogg())
    assert "语音收到了，网格员会听" in said
    assert "再写一句是什么事、在哪儿" in said
    assert await town.cases() == []  # a line of text may follow
    await town.passes(hours=1)
    case = await town.only_case()
    assert (case.category, case.text, case.status) == ("other_request", "（只有语音，没有文字）", "with_grid_branch")
    assert case.number in await town.heard("td-resident")
    card = await town.heard("td-grid")
    assert "【语音未听】1条" in card
    (handed,) = await voices(town, "td-grid")
    assert handed.text == "居民的语音"
    assert handed.photo
    assert path_of(town.app.settings.storage, handed.photo).read_bytes() == ogg()
    assert await may_listen(town, "td-grid", handed.photo)
    assert not await may_listen(town, "td-property", handed.photo)

    assert "是哪一类" in await town.taps("td-grid", "听过了，是…")
    await town.taps("td-grid", "供暖")
    case = await town.only_case()
    assert case.category == "heating"
    (media,) = await town.rows(Media)
    assert (media.heard_at, media.heard_by) == (town.clock.now(), (await town.person("td-grid")).id)
    await town.opens("td-grid", case)
    assert "语音未听" not in (await town.bubbles("td-grid"))[-1].text
    await town.keeps_its_promises()


async def test_a_line_after_the_voice_is_the_same_report(town: Town) -> None:
    await town.speaks("td-resident", ogg())
    assert "已登记" in await town.says("td-resident", "富邦小区3号楼2单元楼道灯不亮了")
    case = await town.only_case()
    assert case.category == "street_light"
    (media,) = await town.rows(Media)
    assert media.case_id == case.id
    assert len(await voices(town, "td-grid")) == 1
    await town.passes(hours=1)
    assert len(await town.cases()) == 1


async def test_only_the_place_after_the_voice_is_enough_for_somebody_to_listen(town: Town) -> None:
    await town.speaks("stranger", ogg())
    await town.says("stranger", "富邦小区5号楼")
    case = await town.only_case()
    assert (case.category, case.building_text) == ("other_request", "5")
    assert len(await voices(town, "td-grid")) == 1
    await town.keeps_its_promises()


async def test_a_voice_after_the_report_goes_into_the_case(town: Town) -> None:
    await town.says("td-resident", "富邦小区3号楼2单元楼道灯不亮了")
    case = await town.only_case()
    said = await town.speaks("td-resident", ogg())
    assert f"语音放进【{case.number}】里了" in said
    assert "居民补充了语音，请听。" in await town.heard("td-grid")
    assert len(await voices(town, "td-grid")) == 1


async def test_what_is_asked_of_a_colleague_in_words_is_not_answered_in_sound(town: Town) -> None:
    await town.says("td-resident", "富邦小区3号楼2单元楼道灯不亮了")
    await town.taps("td-grid", "不属实")
    assert "请打字" in await town.speaks("td-grid", ogg())
    await town.says("td-grid", "去看了，灯是亮的")
    assert "灯是亮的" in await town.heard("td-resident")
    assert len(await town.cases()) == 1


async def test_the_property_is_not_given_the_residents_voice(town: Town) -> None:
    await town.speaks("td-resident", ogg())
    await town.says("td-resident", "富邦小区3号楼2单元楼道灯不亮了")
    await town.taps("td-grid", "属实")
    assert "楼道灯" in await town.heard("td-property")
    assert await voices(town, "td-property") == []


async def test_a_recognised_voice_is_understood_like_text_and_stays_beside_it(listening_town: Town, ear: Ear) -> None:
    ear.hears = "富邦小区3号楼2单元楼道灯不亮了"
    said = await listening_town.speaks("td-resident", ogg())
    assert ear.given == [ogg()]
    assert "已登记" in said
    assert f"我听到的是：{ear.hears}" in said
    case = await listening_town.only_case()
    assert (case.category, case.text) == ("street_light", ear.hears)
    assert len(await voices(listening_town, "td-grid")) == 1
    await listening_town.keeps_its_promises()


async def test_danger_in_a_recognised_voice_is_answered_as_danger(listening_town: Town, ear: Ear) -> None:
    ear.hears = "着火了，3号楼着火了，快来人"
    said = await listening_town.speaks("td-resident", ogg())
    assert said.index("119") < said.index("我听到的是")
    assert "险情" in await listening_town.heard("td-grid")


@pytest.mark.parametrize("hears", ["", "broken"])
async def test_where_nothing_is_recognised_a_person_listens(listening_town: Town, ear: Ear, hears: str) -> None:
    ear.hears = hears
    assert "语音收到了，网格员会听" in await listening_town.speaks("td-resident", ogg())
    await listening_town.passes(hours=1)
    assert len(await listening_town.cases()) == 1
    assert len(await voices(listening_town, "td-grid")) == 1


async def test_old_recordings_are_cleared_away_with_their_case(town: Town) -> None:
    await town.speaks("td-resident", ogg())
    await town.says("td-resident", "富邦小区3号楼2单元楼道灯不亮了")
    (media,) = await town.rows(Media)
    assert is_voice(media.id)
    file = path_of(town.app.settings.storage, media.id)
    assert file.is_file()
    await town.says("td-resident", "算了，撤回")
    town.clock.set(town.clock.now().replace(year=2028))
    await town.settled()
    assert media.id not in {row.id for row in await town.rows(Media)}  # the digests' pictures of that day are there
    assert not file.exists()
