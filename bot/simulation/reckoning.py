"""The digest held to account: what it told, counted anew from the history, in every week and at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from workflows.digest import CommunityDigest, Measures, Week, from_data
from workflows.models import Case
from workflows.notices import Notice
from workflows.office import Office
from workflows.policy.lifecycle import CLOSED, OPEN
from workflows.recount import BrokenHistory, compare, count, differences, read

if TYPE_CHECKING:
    from bot.simulation.season import Season


async def check_issued(season: "Season", office: Office, issued: Sequence[Notice]) -> None:
    """What the secretaries were just sent, and the same week counted anew from the history."""
    if not issued:
        return
    by_name = {card.name: card.id for card in season.directory.communities}
    sent = [digest for notice in issued if isinstance(digest := from_data(notice.data), CommunityDigest)]
    try:
        stories = await read(office.session, by_name.values(), season.rules)
    except BrokenHistory as broken:
        season.tally.wrong.append(str(broken))
        return
    for digest in sent:
        theirs = [story for story in stories if story.community_id == by_name[digest.community]]
        week = Week.parse(digest.week, season.settings.zone)
        for measured, of in ((digest.measures, week), (digest.before, week.previous())):
            again = count(theirs, of.start, of.end, office.now)
            season.tally.wrong += [f"{of.key}, {digest.community}: {line}" for line in differences(measured, again)]
        season.tally.weeks.add(week.key)


async def reckon(season: "Season") -> dict[str, Any]:
    """Count every week of every community anew at the end, and say what the season came to."""
    end = season.start + timedelta(days=season.days)
    communities = [card.id for card in season.directory.communities]
    weeks = []
    week = Week.of(season.start, season.settings.zone)
    while week.start < end:
        weeks.append(week)
        week = Week.of(week.end, season.settings.zone)
    async with season.database.reading() as session:
        office = season._office(session, end)
        whole = await office.digests.measures(None, season.start, end)
        season.tally.wrong += await compare(session, office.digests, season.rules, communities, weeks, end)
        if not season.tally.wrong:
            stories = await read(session, communities, season.rules)
            season.tally.wrong += differences(whole, count(stories, season.start, end, end))
        _, unheld, unclocked = await office.follow_ups().unclocked()
        season.tally.without_holder = max(season.tally.without_holder, unheld)
        season.tally.without_clock = max(season.tally.without_clock, unclocked)
        rows = await session.execute(select(Case.status, func.count()).group_by(Case.status))
        statuses = {status: number for status, number in rows}
    return summary(season, statuses, whole, len(weeks))


def summary(season: "Season", statuses: Mapping[str, int], whole: Measures, weeks: int) -> dict[str, Any]:
    """What `xiaoshao simulate` prints."""
    shares = {
        "on_time": whole.on_time,
        "response_rate": whole.response,
        "satisfaction": whole.satisfaction,
        "first_rung_solved": whole.first_rung_solved,
    }
    return {
        "days": season.days,
        "residents": season.residents,
        "seed": season.seed,
        "cases": sum(statuses.values()),
        "open": sum(number for status, number in statuses.items() if status in OPEN),
        "closed": {status: number for status, number in sorted(statuses.items()) if status in CLOSED},
        "without_holder": season.tally.without_holder,
        "without_clock": season.tally.without_clock,
        "ticks": season.tally.ticks,
        "follow_ups_done": season.tally.follow_ups_done,
        "messages": {str(kind): number for kind, number in sorted(season.tally.messages.items())},
        "acts": {str(act): number for act, number in sorted(season.tally.acts.items())},
        "not_possible": season.tally.not_possible,
        **{name: round(share.rate, 4) if share.rate is not None else None for name, share in shares.items()},
        "shares": {name: [share.part, share.whole] for name, share in shares.items()},
        "refusals": whole.whistles_refused,
        **{name: value for name, value in asdict(whole).items() if name not in ("opened", "open")},
        "weeks": weeks,
        "weeks_issued": len(season.tally.weeks),
        "digest_equals_recount": not season.tally.wrong,
        "differences": season.tally.wrong[:20],
    }
