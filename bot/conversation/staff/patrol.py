"""巡查 in chat: a round without findings is a record; each finding of a list becomes a case of its own."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

from bot.conversation import words
from bot.conversation.buttons import Round, Rows, option
from bot.conversation.dialogue import address_from, address_kept
from bot.conversation.resident import reports
from bot.conversation.talk import Talk
from nlu.passages import listed
from nlu.understanding import REQUEST_INTENTS
from workflows.policy.permissions import Role
from workflows.policy.places import Address

_LOCATED = timedelta(minutes=15)  # so long a shared location is where one stands
_MOST = 10
_REPORTS = 0.5
_ANSWER = re.compile(
    r"^(不?属实|好的|收到|办好|办完|解决|处理|转物业|上报)|已经?[^\d]{0,4}(看|去|联系|通知|清|修|换|处理|派|报)"
)
GOES_ROUND = (Role.GRID_WORKER, Role.BRANCH_SECRETARY, Role.BUILDING_HEAD, Role.LIAISON)


def findings(text: str) -> list[str]:
    """The items of a numbered list; empty when the text is none."""
    return listed(text)[1]


async def hear(talk: Talk, text: str) -> bool:
    """A round of somebody whose post goes on rounds. False when it is none."""
    if not talk.speaker.has(*GOES_ROUND) or talk.dialogue.draft is not None:
        return False
    if words.nothing_found(text):
        await nothing(talk, text)
        return True
    items = findings(text)
    if not items or ("\n" not in text and (_ANSWER.search(text) or not _reads_like_findings(talk))):
        return False
    await several(talk, items, listed(text)[0])
    return True


def _reads_like_findings(talk: Talk) -> bool:
    """Whether a list on one line reports: "属实 1、已清理 2、已联系物业" does not (`_ANSWER`)."""
    reports = [one for one in talk.passages if one.u.intent in REQUEST_INTENTS and one.u.confidence >= _REPORTS]
    return talk.alone is None or 2 * len(reports) >= len(talk.passages)


async def command(talk: Talk, text: str) -> None:
    """/巡查: alone it asks, with words it takes them."""
    talk.act("patrol")
    if not talk.speaker.has(*GOES_ROUND):
        await talk.say("patrol.not_yours")
        return
    if not text:
        rows: Rows = [[option("没发现问题", Round(found=0))], [option("有发现，我来说", Round(found=1))]]
        await talk.say("patrol.ask", rows)
        return
    bare = re.fullmatch(r"(没有?(发现)?问题|无(异常|问题)?|(一切)?正常|没事|没有)[。.!！]?", text)
    if bare or words.nothing_found(text):
        await nothing(talk, text)
        return
    await several(talk, findings(text) or [text], listed(text)[0])


async def tapped(talk: Talk, found: int) -> None:
    """Whether the round has found something."""
    talk.act("patrol")
    await (talk.say("patrol.tell", asks="problem") if found else nothing(talk, ""))


async def nothing(talk: Talk, text: str) -> None:
    """A round without findings: a record, no case."""
    talk.act("patrol")
    await talk.office.patrols.record(talk.speaker.person_id, text)
    await talk.say("patrol.nothing")


async def several(talk: Talk, items: list[str], lead_in: str, *, of_danger: bool = False) -> None:
    """Each item is read by itself, in its turn; the round is recorded now. `of_danger`: what stood beside a danger."""
    talk.act("emergency" if of_danger else "patrol")
    await talk.office.patrols.record(talk.speaker.person_id, "\n".join(items))
    taken = items[:_MOST]
    at = talk.locate(lead_in, None) if lead_in else Address()
    where = at if at.known_to_resident else _here(talk)
    if where.known_to_resident:
        talk.dialogue.here, talk.dialogue.here_at = address_kept(where), talk.now.isoformat()
    for n, item in enumerate(taken):
        talk.later.append(("finding", item, talk.photo if n == 0 else ""))
    talk.photo_used = True
    await talk.say("danger.beside" if of_danger else "patrol.several", n=len(taken))
    if len(items) > _MOST:
        await talk.say("patrol.too_many", n=_MOST, rest="\n".join(items[_MOST:]))


async def finding(talk: Talk, text: str, photo: str) -> None:
    """One item of a list: a case at once, without questions in between; what is unsure is put right by one tap."""
    talk.act("patrol")
    if talk.dialogue.draft is not None:
        await reports.file_anyway(talk)
    u = talk.alone
    found = talk.locate(text, u)
    here = _here(talk)
    if not found.routable and here.known_to_resident:
        found = talk.directory.refine(here, found)
    await reports.finding(talk, text, u, _in_own_grid(talk, found), photo)


def _here(talk: Talk) -> Address:
    """Where the speaker said, or shared, that they are now."""
    d = talk.dialogue
    if not d.here or not d.here_at or talk.now - datetime.fromisoformat(d.here_at) > _LOCATED:
        return Address()
    return address_from(d.here)


def _in_own_grid(talk: Talk, where: Address) -> Address:
    grids = [d for d in talk.speaker.duties if d.grid_id is not None and d.role in GOES_ROUND]
    if where.routable or where.estate or len(grids) != 1:
        return where
    return replace(where, grid_id=grids[0].grid_id, community_id=grids[0].community_id)
