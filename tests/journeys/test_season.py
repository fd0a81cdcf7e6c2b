"""A season in which everything happens that people can do: it is counted alike everywhere, and keeps every promise.

Residents write numbers into what they report, so that the messages of the season can be searched for them.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import App
from bot.clock import ManualClock
from bot.console.exports import measure_rows
from bot.settings import Settings
from bot.simulation import Season
from bot.simulation.chats import Chats
from tests.conftest import settings_for
from tests.journeys.test_console import NobodyReads
from tests.talkative import IDS, PHONES, told
from workflows.console.spans import week_span
from workflows.database import Database
from workflows.digest import CommunityDigest
from workflows.models import Case, CaseEvent, Outbound, Post
from workflows.notices import Notice
from workflows.office import Office
from workflows.policy.lifecycle import Action
from workflows.policy.measures import Measures
from workflows.policy.permissions import Role
from workflows.policy.weeks import Week
from workflows.recount import Round, Story, count, differences, read

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("talkative_reports")]

# What people do in this season in their chats and on pages; everything of it must have been done at least once.
ACTS = frozenset(
    {
        "patrol_clean", "patrol_findings", "whistle_asked", "whistle_sent", "whistle_sent_back", "whistle_kept",
        "whistle_blown", "ruling", "assistant_called", "department_done", "department_plan", "department_refuse",
        "link_issued", "link_done", "link_plan", "link_refuse", "suspension_asked", "suspension_approved",
        "suspension_refused", "suspension_lifted", "upkeep_promised", "upkeep_round_done", "upkeep_round_late",
        "upkeep_called", "merge", "split", "report_in_chat", "join_in_chat", "voice", "voice_heard",
        "report_for_a_neighbour", "verdict_solved", "verdict_partly", "verdict_not", "recurrence", "digest_off",
        "digest_monthly", "console_sign_in", "console_act", "console_hotline", "console_export",
    }
)  # fmt: skip
ASSISTED = frozenset({"assist_done", "assist_plan", "assist_refuse"})
RULED = frozenset({"rule_made", "rule_left"})
# The same in the history, and what the use cases do beside it.
HISTORY = frozenset(
    {
        Action.OPEN, Action.JOIN, Action.VERIFY, Action.CANNOT_SOLVE, Action.PROPOSE_WHISTLE, Action.SEND_BACK,
        Action.KEEP, Action.BLOW_WHISTLE, Action.CALL_ASSISTANT, Action.ASSIST, Action.ISSUE_LINK, Action.PLAN,
        Action.REFUSE, Action.REPORT_RESULT, Action.ASK_SUSPENSION, Action.SUSPEND, Action.REFUSE_SUSPENSION,
        Action.WAKE, Action.UPKEEP, Action.ROUND_DUE, Action.ROUND_DONE, Action.ROUND_MISSED, Action.MERGE,
        Action.ABSORB, Action.SPLIT, Action.JUDGE_SOLVED, Action.JUDGE_PARTLY, Action.JUDGE_NOT, Action.ESCALATE,
        Action.OVERDUE, Action.CLOSE_UNANSWERED,
    }
)  # fmt: skip


class EverythingIsSaid(Chats):
    """What is told stands in the chats, all of it; and the rare things happen in a short season, too."""

    whole = True
    eager = 1.8


class FullSeason(Season):
    """A season of these. `grids`: which each case was in, by its number; more than one where its place was put right."""

    chats_are = EverythingIsSaid

    def __init__(self, settings: Settings, database: Database, days: int, residents: int, seed: int) -> None:
        super().__init__(settings, database, days, residents, seed)
        self.grids: dict[str, set[int | None]] = {}

    async def _told(self, office: Office, notices: Sequence[Notice]) -> None:
        for notice in notices:
            if notice.case_id is not None:
                case = await office.session.get_one(Case, notice.case_id)
                self.grids.setdefault(case.number, set()).add(case.grid_id)
        await super()._told(office, notices)


@pytest.mark.timeout(1200)  # a minute by itself; many times that on a machine that others use as well
@pytest.mark.parametrize(
    ("engine", "days", "residents"), [("sqlite", 70, 180), ("postgresql", 21, 40)], ids=["sqlite", "postgresql"]
)
async def test_a_season_of_everything_is_counted_alike_everywhere(
    database_url: str, tmp_path: Path, engine: str, days: int, residents: int
) -> None:
    settings, database = settings_for(database_url, tmp_path), Database(database_url)
    try:
        season = FullSeason(settings, database, days, residents, seed=8)
        result = await season.play()
        assert result["differences"] == []
        assert (result["without_holder"], result["without_clock"]) == (0, 0)
        assert result["ticks"] == days * 24
        assert result["weeks_issued"] == days // 7
        if engine == "sqlite":  # the smaller season of the other database has not everything
            await everything_was_done(database, result["acts"])
        app = App(settings, clock=_the_day_after(season), understander=NobodyReads(), database=database)
        await app.prepare()
        assert await all_agree(app, days // 7) == []
        async with database.reading() as session:
            assert await given_away(session, season.grids) == []
    finally:
        await database.close()


async def everything_was_done(database: Database, acts: Mapping[str, int]) -> None:
    assert not [act for act in sorted(ACTS) if not acts.get(act)], acts
    assert any(acts.get(act) for act in ASSISTED) and any(acts.get(act) for act in RULED), acts
    async with database.reading() as session:
        done = set((await session.execute(select(CaseEvent.action).distinct())).scalars())
    assert done >= HISTORY, HISTORY - done


def _the_day_after(season: Season) -> ManualClock:
    now = ManualClock(Week.of(season.start, season.settings.zone).start)
    for _ in range(season.days // 7):
        now.set(Week.of(now.now(), season.settings.zone).end)
    return now


# ---- every measure, every week, everywhere


async def all_agree(app: App, weeks: int) -> list[str]:
    """Every number on which console, exports, digest and the recount from history do not agree."""
    wrong: list[str] = []
    for community in app.directory.communities:
        async with app.database.reading() as session:
            secretary = (await app.office(session).people.holders(Role.COMMUNITY_SECRETARY, community_id=community.id))[
                0
            ]
            records = [
                one for one in await read(session, [community.id], app.rules) if one.community_id == community.id
            ]
        async with app.database.writing() as session:
            token = await app.office(session).sign_ins.issue(secretary.person_id)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app.http), base_url="http://t") as client:
            assert (await client.post(f"/console/in/{token}")).status_code == 303
            week = Week.of(app.clock.now(), app.settings.zone)
            for _ in range(weeks + 1):
                wrong += [
                    f"{week.key}: {line}" for line in await _one_week(app, client, secretary.person_id, week, records)
                ]
                week = week.previous()
    return wrong


async def _one_week(
    app: App, client: httpx.AsyncClient, secretary: int, week: Week, records: Sequence[Story | Round]
) -> list[str]:
    span = week_span(week)
    recounted = count(records, span.start, span.end, app.clock.now())
    async with app.database.reading() as session:
        digests = await app.office(session).digests.for_person(secretary, week)
    (digest,) = [one for one in digests if isinstance(one, CommunityDigest)]
    wrong = [f"digest: {line}" for line in differences(digest.measures, recounted)]
    wanted = [[name, str(value), share] for name, value, share in measure_rows(recounted)]
    tables = _tables(app, recounted)
    answer = await client.get(f"/console/export/measures.csv?span={span.key}")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig").replace("\ufeff", ""))))
    wrong += [f"CSV: {row} is missing" for row in wanted if row not in [line[:3] for line in rows]]
    wrong += [f"CSV: {row} is missing" for table in tables.values() for row in table if row not in rows]
    wrong += await _workbook(client, span.key, wanted, tables)
    page = " ".join(re.sub(r"<[^>]+>", " ", (await client.get(f"/console/measures?span={span.key}")).text).split())
    wrong += [f"page: {name} {value}" for name, value in _on_the_page(recounted) if f" {name} {value} " not in page]
    return wrong


async def _workbook(
    client: httpx.AsyncClient, span: str, wanted: list[list[str]], tables: Mapping[str, list[list[str]]]
) -> list[str]:
    answer = await client.get(f"/console/export/measures.xlsx?span={span}")
    book = load_workbook(io.BytesIO(answer.content), read_only=True)
    sheets = {sheet.title: [[_said(cell) for cell in row] for row in sheet.values] for sheet in book.worksheets}
    (measures,) = [rows for title, rows in sheets.items() if title.startswith("指标")]
    wrong = [f"XLSX: {row} is missing" for row in wanted if row not in [line[:3] for line in measures]]
    wrong += [f"XLSX: {title} has {sheets[title][1:]}, not {rows}" for title, rows in tables.items()
              if sorted(sheets[title][1:]) != sorted(rows)]  # fmt: skip
    return wrong


def _said(cell: Any) -> str:
    return "" if cell is None else str(cell)


def _tables(app: App, recounted: Measures) -> dict[str, list[list[str]]]:
    names = app.settings.categories
    return {
        "类别": [[names[code], str(n)] for code, n in recounted.by_category.items()],
        "小区": [[name or "其他地点", str(n)] for name, n in recounted.by_estate.items()],
        "部门退回": [[name, str(n)] for name, n in recounted.refused_by.items()],
    }


def _on_the_page(m: Measures) -> list[tuple[str, int]]:
    return [
        ("新增", m.opened), ("其中未诉先办", m.proactive), ("办结", m.closed), ("居民说解决了", m.solved),
        ("没有答复办结", m.unanswered), ("不属实", m.unfounded), ("撤回", m.withdrawn), ("期末没办完", m.open),
        ("其中全程超时", m.overdue), ("其中这一步超时", m.overdue_step), ("居民退回", m.reopened), ("30天内同处再报", m.repeats),
        ("解决后又犯", m.recurrences), ("并案", m.merged), ("挂账", m.suspended), ("网格申请吹哨", m.whistles_asked),
        ("审核退回问一句", m.whistles_sent_back), ("审核后社区自己办", m.whistles_kept), ("吹哨", m.whistles),
        ("答复已办", m.whistles_solved), ("答复有计划", m.whistles_planned), ("退回", m.whistles_refused),
        ("期末在部门", m.whistles_open), ("其中有计划", m.with_department_planned), ("其中超时", m.with_department_overdue),
        ("由链接答复", m.links_answered), ("巡查趟数", m.patrols), ("没发现问题的", m.patrols_clean),
        ("定期维护到期", m.upkeep_due), ("定期维护做了", m.upkeep_done), ("定期维护漏了", m.upkeep_missed),
    ]  # fmt: skip


def test_the_export_tells_every_measure() -> None:
    """Whoever adds a measure adds it there: a change of each alone changes the table (or has a table of its own)."""
    silent = {"by_category", "by_estate", "refused_by", "said_partly", "said_not"}
    plain = measure_rows(Measures(**_many()))
    for one in fields(Measures):
        if one.name in silent:
            continue
        assert measure_rows(Measures(**{**_many(), one.name: 77})) != plain, one.name


def _many() -> dict[str, int]:
    counted = [one.name for one in fields(Measures) if one.name not in ("by_category", "by_estate", "refused_by")]
    return {name: n + 2 for n, name in enumerate(counted)}


# ---- nobody's number


async def given_away(session: AsyncSession, grids: Mapping[str, set[int | None]]) -> list[str]:
    """Messages that tell a resident's number to somebody who does not need it: all but the grid of the case."""
    posts = await session.execute(
        select(Post.person_id, Post.grid_id).where(Post.role.in_([Role.GRID_WORKER, Role.BRANCH_SECRETARY]))
    )
    near: dict[str, set[int | None]] = {}
    for person, grid in posts:
        near.setdefault(str(person), set()).add(grid)
    rows = (await session.execute(select(Outbound))).scalars().all()
    assert len(rows) > 300
    wrong = []
    for row in rows:
        text = str(row.payload.get("text") or row.payload.get("caption") or "")
        buttons = [b["text"] for line in row.payload.get("reply_markup", {}).get("inline_keyboard", []) for b in line]
        for said in (text, *buttons):
            number = re.search(r"【(\w+-\d+)】", said)
            allowed = number is not None and bool(grids.get(number[1], set()) & near.get(row.chat_key, set()))
            if told(said, IDS) or (told(said, PHONES) and not allowed):
                wrong.append(f"{row.chat_key}: {said}")
    return wrong
