"""挂账、并案、拆分 in chat, and the buttons that a card keeps behind 更多."""

from collections.abc import Awaitable, Callable, Mapping

from bot.conversation import cards, words
from bot.conversation.staff import days, looking, rounds
from bot.conversation.talk import Talk
from nlu.understanding import REQUEST_INTENTS
from workflows.case_file import CaseView
from workflows.handling import Missing
from workflows.whistles import ASSISTING

_WAKES_AT = 8  # o'clock on the day to which it was laid aside


async def _suspend(talk: Talk, case_id: int, note: str) -> CaseView | None:
    day = days.planned_day(note, talk.now.astimezone(talk.zone))
    until = day.replace(hour=_WAKES_AT, minute=0) if day is not None else None
    return await talk.office.suspending.ask(talk.speaker.person_id, case_id, note, until)


async def _suspend_yes(talk: Talk, case_id: int, note: str) -> CaseView | None:
    return await talk.office.suspending.approve(talk.speaker.person_id, case_id)


async def _suspend_no(talk: Talk, case_id: int, note: str) -> CaseView | None:
    return await talk.office.suspending.refuse(talk.speaker.person_id, case_id, note)


async def _wake(talk: Talk, case_id: int, note: str) -> CaseView | None:
    return await talk.office.suspending.wake(talk.speaker.person_id, case_id)


async def _merge(talk: Talk, case_id: int, note: str) -> CaseView | None:
    number, _ = words.case_number(note)
    if not number:
        raise Missing("prompt.merge")
    me, merging = talk.speaker.person_id, talk.office.merging
    view, gone = await merging.merge(me, case_id, await merging.by_number(me, number))
    await talk.say("merged", gone=gone, kept=view.number)
    return None


async def _split(talk: Talk, case_id: int, note: str) -> CaseView | None:
    u = talk.alone
    category = u.intent if u is not None and u.intent in REQUEST_INTENTS else "other_request"
    found = talk.locate(note, u)
    elsewhere = None
    if found.building or found.place:
        old = await talk.office.cases.address(talk.speaker.person_id, case_id)
        elsewhere = talk.directory.refine(old, found)
    view = await talk.office.merging.split(talk.speaker.person_id, case_id, note, category, elsewhere)
    text, rows = cards.opened(view, talk.now, talk.zone)
    await talk.answer(text, rows)
    return None


async def _more(talk: Talk, case_id: int, note: str) -> CaseView | None:
    """The rarer buttons of a card."""
    view = await talk.office.cases.look(talk.speaker.person_id, case_id)
    posts = [duty.role.value for duty in talk.speaker.duties]
    if ASSISTING not in posts and view.facts.assistants:
        posts.append(ASSISTING)
    rows = cards.more_rows(view, posts)
    await talk.say("more" if rows else "more.none", rows, line=cards.case_line(view, 16))
    return None


async def _card(talk: Talk, case_id: int, note: str) -> CaseView | None:
    await looking.show(talk, await talk.office.cases.look(talk.speaker.person_id, case_id))
    return None


Act = Callable[[Talk, int, str], Awaitable[CaseView | None]]
ACTS: Mapping[str, Act] = {
    "suspend": _suspend,
    "suspend_yes": _suspend_yes,
    "suspend_no": _suspend_no,
    "wake": _wake,
    "merge": _merge,
    "split": _split,
    "more": _more,
    "card": _card,
    "upkeep": rounds.promise,
}
