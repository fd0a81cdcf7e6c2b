"""The digest with its picture, and how often it comes: through the real dispatcher, the real rounds and both databases."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from sqlalchemy import select

from bot.announcer import CAPTION, Announcer, captioned
from bot.app import App
from bot.conversation.digest_buttons import LABELS
from nlu.understanding import Understanding
from tests.conftest import fresh_postgres, settings_for
from tests.town import Town
from workflows.digest import Week
from workflows.media import path_of
from workflows.models import DigestIssue, FollowUp, Media, Outbound, Person, WebBubble

pytestmark = pytest.mark.journey

HOHHOT = ZoneInfo("Asia/Shanghai")
TUESDAY = datetime(2026, 11, 24, 10, tzinfo=HOHHOT)
MONDAY = datetime(2026, 11, 30, 9, tzinfo=HOHHOT)  # when the digests go out
LIGHT = "富邦小区3号楼2单元楼道灯不亮了"


class ReadsByWord:
    """Reads by a word, so that only the digest is on trial here."""

    ready = True

    async def understand(self, text: str) -> Understanding:
        kind = "street_light" if "灯" in text else "out_of_scope"
        return Understanding(text, kind, 0.95, ((kind, 0.95),))

    async def alike(self, text: str, others: Sequence[str]) -> list[float]:
        return [0.0 for _ in others]


@pytest.fixture
async def town(demo_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """The demo neighbourhood on a Tuesday, with one case."""
    async with Town.opened(settings_for(demo_url, tmp_path), ReadsByWord(), TUESDAY) as opened:
        await opened.says("td-resident", LIGHT)
        yield opened


async def _on(town: Town, moment: datetime) -> None:
    town.clock.set(moment)
    await town.settled()


async def _digests(town: Town, who: str) -> list[WebBubble]:
    return [b for b in await town.bubbles(who) if b.sender == "bot" and ("周报（" in b.text or "简报（" in b.text)]


def _files(town: Town) -> list[Path]:
    return sorted((town.app.settings.storage / "photos").rglob("*.jpg"))


# ---- the picture


async def test_the_secretary_gets_the_picture_with_the_text_beneath_it_once(town: Town) -> None:
    await _on(town, MONDAY)
    (bubble,) = await _digests(town, "td-secretary")
    assert bubble.kind == "photo"
    assert bubble.photo is not None
    assert bubble.text.startswith("通道北街社区周报（11月23日—29日）\n新增1件")
    assert [b["text"] for row in bubble.buttons for b in row] == ["看详细", *LABELS.values()]
    with Image.open(path_of(town.app.settings.storage, bubble.photo)) as picture:
        assert picture.width == 1080
    (entry,) = await town.rows(Media, Media.id == bubble.photo)
    assert (entry.audience, entry.case_id, entry.uploaded_by) == ("community", None, None)
    await _on(town, MONDAY + timedelta(hours=1))
    assert len(await _digests(town, "td-secretary")) == 1
    for who in ("td-grid", "td-property", "td-resident"):
        told = await _digests(town, who)
        assert [b.kind for b in told] == ["text"] * len(told), who
    assert len(_files(town)) == len(await town.rows(Media)) == len(town.app.directory.communities)


async def test_only_the_office_may_look_at_it_and_only_for_as_long_as_it_is_theirs(town: Town) -> None:
    await _on(town, MONDAY)
    (bubble,) = await _digests(town, "td-secretary")
    may = {}
    for who in ("td-secretary", "td-property", "td-grid", "td-resident", "sq-secretary"):
        person = await town.person(who)
        async with town.app.database.reading() as session:
            office = town.app.office(session)
            may[who] = await office.photos.may_look(person.id, str(bubble.photo), office.people)
    assert [who for who, allowed in may.items() if allowed] == ["td-secretary"]


async def test_several_processes_send_one_picture_and_leave_no_file_behind(postgres_url: str, tmp_path: Path) -> None:
    settings = settings_for(await fresh_postgres(postgres_url), tmp_path)
    async with Town.opened(settings, ReadsByWord(), TUESDAY) as town:
        others = [App(settings, clock=town.clock, understander=ReadsByWord()) for _ in range(2)]
        for other in others:
            await other.prepare()
        town.clock.set(MONDAY)
        done = await asyncio.gather(*(app.issue() for app in (town.app, *others)))
        assert sum(done) == len(town.app.directory.communities)
        await town.settled()
        assert len(await _digests(town, "td-secretary")) == 1
        assert len(_files(town)) == len(await town.rows(Media)) == len(town.app.directory.communities)
        for other in others:
            await other.database.close()


async def test_without_a_typeface_or_with_pictures_off_the_text_goes_out_alone(demo_url: str, tmp_path: Path) -> None:
    for number, digest in enumerate(({"font": str(tmp_path / "none.ttf")}, {"card": False})):
        settings = settings_for(demo_url, tmp_path, digest=digest)
        async with Town.opened(settings, ReadsByWord(), TUESDAY) as town:
            await _on(town, MONDAY + timedelta(weeks=number))
            bubble = (await _digests(town, "td-secretary"))[-1]
            assert (bubble.kind, bubble.photo) == ("text", None)
            assert bubble.text.startswith("通道北街社区周报（")
            assert _files(town) == []


async def test_a_channel_without_pictures_gets_the_text_alone(town: Town) -> None:
    town.app.announcer._without_pictures = Announcer(HOHHOT, None, {"web"})._without_pictures
    await _on(town, MONDAY)
    (bubble,) = await _digests(town, "td-secretary")
    assert (bubble.kind, bubble.photo) == ("text", None)
    assert next(b["text"] for row in bubble.buttons for b in row) == "看详细"


async def test_a_picture_with_other_numbers_than_the_text_is_not_sent(town: Town) -> None:
    town.clock.set(MONDAY)
    community = town.app.directory.communities[0].id
    for one in town.app.directory.communities:
        if one.name == "通道北街社区":
            community = one.id
    week = Week.of(MONDAY, HOHHOT).previous()
    picture = await town.app.pictures.drawn(community, week)
    assert picture is not None
    case = await town.only_case()
    resident = await town.person("td-resident")
    async with town.app.database.writing() as session:  # somebody puts the place right after it was drawn
        office = town.app.office(session)
        estate = next(e for e in town.app.directory.estates_of(community) if e.id != case.estate_id)
        await office.cases.relocate(resident.id, case.id, town.app.directory.address_of(estate.id))
        await office.digests.send_week(week, community)
        await town.app.announcer.announce(office, picture=picture)
    await town.settled()
    (bubble,) = await _digests(town, "td-secretary")
    assert (bubble.kind, picture.entered) == ("text", False)
    assert await town.rows(Media, Media.id == picture.photo.id) == []


async def test_a_round_that_fails_leaves_no_file_and_is_tried_again_while_the_others_go_on(town: Town) -> None:
    community = next(c.id for c in town.app.directory.communities if c.name == "通道北街社区")
    async with town.app.database.writing() as session:
        row = (
            await session.execute(select(FollowUp).where(FollowUp.kind == "digest", FollowUp.community_id == community))
        ).scalar_one()
        good, row.data = row.data, {"weekday": "someday", "at": "09:00"}
    await _on(town, MONDAY)
    assert await _digests(town, "td-secretary") == []
    assert len(await _digests(town, "sq-secretary")) == 1
    assert len(_files(town)) == len(await town.rows(Media)) == len(town.app.directory.communities) - 1
    async with town.app.database.writing() as session:
        (await session.get_one(FollowUp, row.id)).data = good
    await _on(town, MONDAY + timedelta(minutes=6))
    assert [b.kind for b in await _digests(town, "td-secretary")] == ["photo"]


async def test_an_unknown_outcome_is_never_a_second_digest(town: Town) -> None:
    await _on(town, MONDAY)
    rows = [row for row in await town.rows(Outbound) if "周报（" in str(row.payload.get("caption", ""))]
    assert rows
    assert not any(row.resend for row in rows)


def test_words_that_are_too_long_for_a_caption_follow_as_a_message_of_their_own() -> None:
    rows: list[list[object]] = [[]]
    assert captioned("短的", [], "p") == [("短的", [], "p")]
    text = "\n".join(f"第{n}行" + "长" * 40 + "🏘" for n in range(40))
    (beneath, none, photo), (whole, buttons, without) = captioned(text, rows, "p")  # type: ignore[arg-type]
    assert len(beneath.encode("utf-16-le")) // 2 <= CAPTION
    assert text.startswith(beneath.removesuffix("\n…"))
    assert (none, photo, whole, buttons, without) == ([], "p", text, rows, "")


# ---- how often


async def test_who_wants_none_gets_none_until_it_is_wanted_again(town: Town) -> None:
    said = await town.says("td-resident", "不要简报了")
    assert "以后不发简报了" in said and "有了进展" in said
    assert await town.says("td-resident", "退订") == said
    await _on(town, MONDAY)
    assert await _digests(town, "td-resident") == []
    assert "简报（" in await town.says("td-resident", "/digest")  # on demand it is there all the same
    assert "每周一次" in await town.says("td-resident", "恢复简报")
    before = len(await _digests(town, "td-resident"))
    await _on(town, MONDAY + timedelta(weeks=1))
    assert len(await _digests(town, "td-resident")) == before + 1
    assert len(await town.cases()) == 1  # nothing of it was taken for a report


async def test_every_second_week_and_once_a_month_by_button_and_by_word(town: Town) -> None:
    await _on(town, MONDAY)
    said = await town.taps("td-secretary", "每月")
    assert "每月一次" in said and "险情" in said and "超时" in said  # what stays
    assert await town.taps("td-secretary", "每月") == said  # the buttons stay, and again changes nothing
    assert "每两周一次" in await town.says("td-resident", "简报改成两周一次吧")
    weeks: dict[str, list[str]] = {}
    for week in range(1, 7):
        await _on(town, MONDAY + timedelta(weeks=week))
    for who in ("td-secretary", "td-resident", "td-grid"):
        person = await town.person(who)
        issued = await town.rows(DigestIssue, DigestIssue.person_id == person.id)
        audience = issued[0].audience
        weeks[who] = [issue.week for issue in issued if issue.audience == audience]
    months = [Week.parse(key, HOHHOT).end.month for key in weeks["td-secretary"]]
    assert months == [11, 12, 1]  # the first Monday of each
    assert weeks["td-resident"] == ["2026-W48", "2026-W50", "2026-W52", "2027-W01"]
    assert len(weeks["td-grid"]) == 7
    last = (await _digests(town, "td-resident"))[-1]
    assert "12月28日—1月10日" in last.text.split("\n", 1)[0]  # both weeks are told


async def test_bare_words_answer_what_was_asked_and_not_the_digest(town: Town) -> None:
    await town.says("td-neighbour", "楼道灯不亮了")  # asked where
    await town.says("td-neighbour", "每周")
    assert (await town.person("td-neighbour")).digest == "weekly"
    await town.says("td-neighbour", "不要简报了")
    assert (await town.person("td-neighbour")).digest == "off"
    assert "富邦小区" in await town.says("td-neighbour", "富邦小区5号楼")  # the question is still open
    assert len(await town.cases()) == 2


async def test_a_forged_frequency_changes_nothing_and_is_recorded(town: Town) -> None:
    await _on(town, MONDAY)
    (bubble,) = await _digests(town, "td-secretary")
    assert "过时" in await town.taps_data("td-secretary", bubble, "q:hourly")
    assert [p.digest for p in await town.rows(Person) if p.key == "td-secretary"] == ["weekly"]


async def test_a_resident_reads_what_was_solved_around_the_corner(town: Town) -> None:
    await town.says("td-neighbour", "/home 富邦小区1号楼")
    case = await town.only_case()
    grid = await town.person("td-grid")
    async with town.app.database.writing() as session:
        await town.app.office(session).handling.report_result(grid.id, case.id, "换好了")
    await town.settled()
    await town.says("td-resident", "解决了")
    await _on(town, MONDAY)
    (told,) = await _digests(town, "td-neighbour")
    assert "富邦小区解决了1件：路灯楼道灯1件" in told.text
    assert case.number not in told.text
    assert len(told.text.split("\n")) <= 14
