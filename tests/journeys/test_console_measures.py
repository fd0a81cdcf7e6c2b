"""A made-up season: the console's page and export, the digest, and a recount from the history tell the same numbers."""

import csv
import io
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest

from bot.app import App
from bot.clock import ManualClock
from bot.console.exports import measure_rows
from bot.simulation import Season
from tests.conftest import settings_for
from tests.journeys.test_console import NobodyReads
from workflows.console.spans import Span, parse, week_span
from workflows.database import Database
from workflows.policy.permissions import Role
from workflows.policy.weeks import Week
from workflows.recount import count, differences, read

pytestmark = pytest.mark.journey
DAYS, RESIDENTS = 28, 220


@pytest.fixture
async def season(database_url: str, tmp_path: Path) -> AsyncIterator[App]:
    """The product on the day after the season, on either kind of database."""
    settings = settings_for(database_url, tmp_path)
    database = Database(database_url)
    played = Season(settings, database, DAYS, RESIDENTS, seed=7)
    result = await played.play()
    assert result["digest_equals_recount"]
    assert result["cases"] > 60
    now = ManualClock(Week.of(played.start, settings.zone).start)
    for _ in range(DAYS // 7):
        now.set(Week.of(now.now(), settings.zone).end)
    app = App(settings, clock=now, understander=NobodyReads(), database=database)
    await app.prepare()
    yield app
    await database.close()


async def test_page_export_digest_and_history_agree(season: App) -> None:
    zone, now = season.settings.zone, season.clock.now()
    compared = 0
    for community in season.directory.communities:
        async with season.database.reading() as session:
            office = season.office(session)
            secretary = (await office.people.holders(Role.COMMUNITY_SECRETARY, community_id=community.id))[0]
            stories = [s for s in await read(session, [community.id], season.rules) if s.community_id == community.id]
        async with season.database.writing() as session:
            token = await season.office(session).sign_ins.issue(secretary.person_id)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(season.http), base_url="http://t") as client:
            assert (await client.post(f"/console/in/{token}")).status_code == 303
            for span in _spans(season):
                recounted = count(stories, span.start, span.end, now)
                async with season.database.reading() as session:
                    digest = await season.office(session).digests.measures(community.id, span.start, span.end)
                assert differences(digest, recounted) == []
                wanted = {name: str(value) for name, value, _ in measure_rows(recounted)}
                exported = await _exported(client, f"measures.csv?span={span.key}")
                assert {row[0]: row[1] for row in exported if row and row[0] in wanted} == wanted, span.key
                page = _words((await client.get(f"/console/measures?span={span.key}")).text)
                for name in ("新增", "办结", "居民说解决了", "期末没办完", "30天内同处再报", "吹哨"):
                    assert re.search(rf" {name} {wanted[name]} ", page), (span.key, name, wanted[name])
                for name, share in (("按时率", recounted.on_time), ("满意率", recounted.satisfaction)):
                    assert f"{name} {wanted[name]} {share.part} / {share.whole}" in page, (span.key, name)
                repeats = sum(
                    int(row[4]) for row in exported if len(row) == 5 and row[4].isdigit() and row[0] not in wanted
                )
                assert repeats == (0 if span.kind == "quarter" else recounted.repeats), span.key
                compared += recounted.opened
            weeks = await _exported(client, "weeks.csv?weeks=6")
            for place, key in enumerate(weeks[0][1:-1], start=1):
                week = week_span(Week.parse(key, zone))
                recounted = count(stories, week.start, week.end, now)
                named = {season.settings.categories[code]: n for code, n in recounted.by_category.items()}
                assert {row[0]: int(row[place]) for row in weeks[1:-1] if row[place] != "0"} == named, key
                assert int(weeks[-1][place]) == recounted.opened
            for row in (await _exported(client, "hotline.csv"))[1:]:
                month = parse(row[0], zone)
                assert int(row[2]) == count(stories, month.start, month.end, now).opened
    assert compared > 60


def _spans(season: App) -> Sequence[Span]:
    zone = season.settings.zone
    week, spans = week_span(Week.of(season.clock.now(), zone)), []
    for _ in range(6):
        spans.append(week)
        week = week.previous(zone)
    return [*spans, parse("2026-09", zone), parse("2026-10", zone), parse("2026-Q3", zone)]


async def _exported(client: httpx.AsyncClient, path: str) -> list[list[str]]:
    answer = await client.get(f"/console/export/{path}")
    assert answer.status_code == 200, path
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig").replace("\ufeff", ""))))


def _words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())
