"""One act on one case, by button or in words; where it needs words and none were given, they are asked for."""

from datetime import datetime

from bot.conversation import words
from bot.conversation.staff import closing, days, looking, rounds, whistling
from bot.conversation.talk import Talk
from workflows.case_file import CaseView
from workflows.handling import Missing
from workflows.policy.permissions import Role

# Acts that need a line of words, and what is said to get it.
ASKS_WORDS = {
    "not_true": "prompt.not_true",
    "supply": "prompt.supply",
    "done": "prompt.done",
    "cannot": "prompt.cannot",
    "accept": "prompt.accept",
    "convene": "prompt.convene",
    "agree": "prompt.agree",
    "plan": "prompt.plan",
    "refuse": "prompt.refuse",
    "not_fixed": "prompt.not_fixed",
    "note": "need.reason",
    "send_back": "prompt.send_back",
    "keep": "prompt.keep",
    "assist_done": "prompt.done",
    "assist_plan": "prompt.plan",
    "assist_refuse": "prompt.refuse",
    "suspend": "prompt.suspend",
    "suspend_no": "need.reason",
    "merge": "prompt.merge",
    "split": "prompt.split",
    "upkeep": "prompt.upkeep",
}
_BY_PHOTO = frozenset({"done", "not_fixed", "note", "assist_done"})  # a photo says enough
_FLOWS = {**whistling.FLOWS}  # acts that are a conversation of their own


def prompted(talk: Talk) -> bool:
    """Whether the last act waits for words: then its button is not ticked off yet."""
    pending = talk.dialogue.pending
    return pending in ASKS_WORDS or pending in whistling.PENDING or pending in (rounds.PENDING, rounds.SKIPPING)


async def completes(talk: Talk, text: str) -> bool:
    """Words for an action that was begun by a tap. False when they are about something else."""
    d = talk.dialogue
    if await rounds.confirms(talk, text):
        return True
    if d.pending in whistling.CHOOSING:
        return await whistling.names_department(talk, text)
    if not prompted(talk):
        return False
    act, case_id = d.pending, d.pending_case
    if words.never_mind(text) or text.strip() in ("取消", "不", "算了"):
        d.pending = ""
        await talk.say("pending.cancelled")
        return True
    if talk.photo_refused:
        return False
    if act in whistling.PENDING:
        await whistling.told(talk, text, case_id)
        return True
    d.pending = ""
    await do(talk, act, case_id, text, typed=True)
    return True


async def do(talk: Talk, act: str, case_id: int, note: str = "", *, typed: bool = False) -> None:
    """One act on one case. Where it needs words and none were given, they are asked for."""
    talk.dialogue.focus = case_id
    act, due = await _as_department(talk, act, case_id)
    talk.act(act)
    needs = ASKS_WORDS.get(act)
    photos = [talk.photo] if talk.photo else []
    if needs and not note.strip() and not (photos and act in _BY_PHOTO):
        await talk.office.cases.look(talk.speaker.person_id, case_id)
        await talk.office.file.authorise_act(talk.speaker.person_id, case_id, act)
        talk.dialogue.pending, talk.dialogue.pending_case = act, case_id
        await talk.say(needs)
        return
    if act in _FLOWS:
        await _FLOWS[act](talk, case_id, note)
        return
    try:
        view = await (
            closing.ACTS[act](talk, case_id, note) if act in closing.ACTS else _act(talk, act, case_id, note, photos)
        )
    except Missing as missing:
        if act in ASKS_WORDS:
            talk.dialogue.pending, talk.dialogue.pending_case = act, case_id
        await talk.say(missing.phrase)
        return
    if view is not None:
        await looking.done(talk, view, due)


async def perform(talk: Talk, act: str, case_id: int, note: str, photos: list[str]) -> CaseView:
    """One act together with its words, without a dialogue: the console's forms bring both at once.

    Raises:
        Missing, NotAllowed, NotPossible, CaseNotFound: as the use cases say; nothing was changed.
    """
    act, _ = await _as_department(talk, act, case_id)
    return await _act(talk, act, case_id, note, photos)


async def _as_department(talk: Talk, act: str, case_id: int) -> tuple[str, datetime | None]:
    """By when a department was to answer; and 已解决 from one that only assists is its own part, not the case's end."""
    if act not in ("done", "plan", "refuse") or not talk.speaker.has(Role.DEPARTMENT_LIAISON):
        return act, None
    view = await talk.office.cases.look(talk.speaker.person_id, case_id)
    return (f"assist_{act}" if looking.only_assists(talk, view) else act), view.whistle_due_at


async def _act(talk: Talk, act: str, case_id: int, note: str, photos: list[str]) -> CaseView:  # noqa: C901 - a table
    h, me = talk.office.handling, talk.speaker.person_id
    match act:
        case "verify":
            return await h.verify(me, case_id, note)
        case "not_true":
            return await h.not_true(me, case_id, note)
        case "supply":
            return await h.ask_resident(me, case_id, note)
        case "take_on":
            return await h.take_on(me, case_id)
        case "head":
            return await h.ask_building_head(me, case_id)
        case "property":
            return await h.hand_to_property(me, case_id, note)
        case "community":
            return await h.hand_to_community(me, case_id, note)
        case "done":
            return await h.report_result(me, case_id, note, photos)
        case "cannot":
            return await h.cannot_solve(me, case_id, note)
        case "accept":
            return await h.accept(me, case_id, note)
        case "convene":
            return await h.convene(me, case_id, note)
        case "agree":
            local = talk.now.astimezone(talk.zone)
            day = days.planned_day(note, local)
            later = day if day is not None and day.date() > local.date() else None
            return await h.agree(me, case_id, note, later)
        case "plan":
            day = days.planned_day(note, talk.now.astimezone(talk.zone))
            if day is None:
                raise Missing("need.future_day")
            return await h.plan(me, case_id, note, day)
        case "refuse":
            return await h.refuse(me, case_id, note, whistling.proposed_owner(note))
        case "send_whistle":
            return await h.send_whistle(me, case_id)
        case "send_back":
            return await h.send_back(me, case_id, note)
        case "keep":
            return await h.keep(me, case_id, note)
        case "assist_done" | "assist_plan" | "assist_refuse":
            how = act.removeprefix("assist_")
            day = days.planned_day(note, talk.now.astimezone(talk.zone)) if how == "plan" else None
            if how == "plan" and day is None:
                raise Missing("need.future_day")
            return await h.assist(me, case_id, how, note, on=day, photos=photos)
        case "confirm":
            return await h.confirm(me, case_id, note, photos)
        case "not_fixed":
            return await h.not_fixed(me, case_id, note, photos)
        case _:
            return await h.comment(me, case_id, note, photos)
