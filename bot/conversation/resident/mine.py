"""A word about one's own cases: how far they are, a push, the verdict, never mind; and which one is meant."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.conversation import cards, words
from bot.conversation.buttons import CaseDo, Rows, Which, option
from bot.conversation.phrases import say
from bot.conversation.resident import secrecy
from bot.conversation.resident.message import meant, photos
from bot.conversation.talk import Talk
from workflows.case_file import CaseView
from workflows.policy import confidence
from workflows.policy.lifecycle import Rung, Status

_LATELY = timedelta(days=2)
_VERDICTS = frozenset({"solved", "partly", "not"})
GO_ON = "go_on"
_MAY_WITHDRAW = "may_withdraw"
WITHDRAWN = "withdraw"  # what is asked
REOPENED = frozenset({Status.SOLVED, Status.UNANSWERED, Status.UNFOUNDED})  # "没解决" opens these again
AWAITING_VERDICT = frozenset({Status.TO_JUDGE, Status.TO_CONFIRM})


# ---- what is said


async def progress(talk: Talk, text: str = "") -> None:
    """How far is it? One case in full, several on a line each."""
    mine = await talk.office.cases.mine(talk.speaker.person_id)
    views = [v for v in mine if v.open] or mine[:1]
    if not views:
        await talk.say("progress.none")
        return
    picked = meant(talk, text, views)
    if picked is not None:
        await _show(talk, picked)
        return
    lines = [say("progress.many", n=len(views))]
    who = talk.speaker.person_id
    lines += [f"{n}. {cards.case_line(v, 14, who)}。{cards.STATE[v.status]}" for n, v in enumerate(views[:8], 1)]
    talk.lists([v.id for v in views[:8]])
    rows = [[option(cards.option_line(v), CaseDo(act="progress", case=v.id))] for v in views[:8]]
    await talk.answer("\n".join(lines), rows)


async def hurry(talk: Talk, text: str) -> None:
    """催."""
    mine = await talk.office.cases.mine(talk.speaker.person_id)
    if not await _about(talk, "urge", text, [[v for v in mine if v.open]]):
        await talk.say("urge.none", asks="problem")


async def not_solved(talk: Talk, text: str) -> None:
    """没解决: of what waits for a verdict or was lately closed; else of what is being worked on."""
    judged, working, closed = await _by_state(talk)
    lately = [v for v in closed if spoken_of_lately(v, talk.now)]
    if not await _about(talk, "not", text, [judged + lately, closed[:3] if not working else [], working]):
        await talk.say("dissatisfied.none", asks="problem")


async def awaits_verdict(talk: Talk) -> bool:
    """Whether one of their cases was reported done, and they are being asked."""
    return any(view.status is Status.TO_JUDGE for view in await talk.office.cases.mine(talk.speaker.person_id))


async def solved(talk: Talk, text: str) -> None:
    """解决了, or a part of it."""
    judged, working, _ = await _by_state(talk)
    if not await _about(talk, "partly" if words.partly(text) else "solved", text, [judged, working]):
        await talk.say("judge.none")


async def withdraw(talk: Talk, text: str) -> None:
    """算了: the unfinished report is dropped, the case just opened is withdrawn, else it is asked which."""
    d = talk.dialogue
    if d.draft is not None:
        d.draft = None
        await talk.say("withdrawn.draft")
        return
    views = [v for v in await talk.office.cases.mine(talk.speaker.person_id) if v.open]
    recent = [v for v in views if talk.in_recent() and v.id == d.recent]
    if not views:
        await talk.say("withdrawn.none")
    else:
        await take_back(talk, text, recent or views)


async def take_back(talk: Talk, text: str, views: Sequence[CaseView]) -> None:
    """One of these is taken back at once where the words leave no doubt; where they may be a sigh, it is asked."""
    if words.surely_withdraws(text):
        await do_to_meant(talk, "withdraw", text, views)
        return
    picked = meant(talk, text, views)
    asked_about = [picked] if picked is not None else views[:8]
    numbers = "".join(f"【{view.number}】" for view in asked_about)
    rows: Rows = [
        [option("撤回" if picked else f"撤回{cards.option_line(view)}", Which(act="withdraw", case=view.id))]
        for view in asked_about
    ]
    rows.append([option("接着办", CaseDo(act=GO_ON, case=asked_about[0].id))])
    talk.dialogue.which_note, talk.dialogue.shown = text, [view.id for view in asked_about]
    await talk.say("withdraw.ask", rows, numbers=numbers, asks=WITHDRAWN)


async def withdraw_answered(talk: Talk, text: str) -> bool:
    """接着办, 撤吧, typed in answer to whether it is to be withdrawn. Anything else leaves the case as it is."""
    d = talk.dialogue
    if d.asked != WITHDRAWN:
        return False
    shown, d.shown, d.which_note = d.shown, [], ""
    views = [v for v in await talk.office.cases.mine(talk.speaker.person_id) if v.open and v.id in shown]
    if words.goes_on(text) and views:
        talk.act(GO_ON)
        await go_on(talk, views)
        return True
    if not (words.takes_back(text) and views):
        return False
    talk.act("withdraw")
    await do_to_meant(talk, "withdraw", text, views)
    return True


async def go_on(talk: Talk, views: Sequence[CaseView]) -> None:
    """They keep it."""
    await talk.say("withdraw.not", numbers="".join(f"【{view.number}】" for view in views))


def act_on(words_beside: str, intent: str) -> str:
    """What somebody wants of a case that they named by its number; the rest of the line tells."""
    text = words_beside.strip()
    if confidence.lifted(text):
        return secrecy.LIFT
    if not text or words.asks(text):
        return "urge" if intent == "urge" else "progress"
    if words.withdraws(text) or intent == "withdraw":
        return "withdraw" if words.surely_withdraws(text) else _MAY_WITHDRAW
    if words.partly(text):
        return "partly"
    if words.not_fixed(text):
        return "not"
    if words.fixed(text):
        return "solved"
    by_intent = {"urge": "urge", "dissatisfied": "not", "satisfied": "solved"}
    return by_intent.get(intent, "progress" if len(text) < 5 or intent in _TALK else "add")


_TALK = frozenset({"ask_progress", "thanks", "greet", "goodbye", "help", "human"})


# ---- about which case


async def _by_state(talk: Talk) -> tuple[list[CaseView], list[CaseView], list[CaseView]]:
    """One's cases that wait for a verdict, that are being worked on, and that were closed as done."""
    mine = await talk.office.cases.mine(talk.speaker.person_id)
    judged = [v for v in mine if v.status in AWAITING_VERDICT]
    working = [v for v in mine if v.open and v not in judged]
    closed = [v for v in mine if v.status in (Status.SOLVED, Status.UNANSWERED, Status.UNFOUNDED)]
    return judged, working, closed


async def _about(talk: Talk, act: str, text: str, tiers: Sequence[Sequence[CaseView]]) -> bool:
    """Do it to one of the likeliest group of cases that is not empty. False when there is no case at all."""
    for views in tiers:
        if views:
            await do_to_meant(talk, act, text, views)
            return True
    return False


def spoken_of_lately(view: CaseView, now: datetime) -> bool:
    """Whether the reporter has just had news of this case: what they say without a name is about that."""
    return view.told_at is not None and now - view.told_at <= _LATELY


def _last_spoken_of(talk: Talk, views: Sequence[CaseView]) -> CaseView | None:
    """The one case of which they were told last, when no other was spoken of at about the same time."""
    told = sorted((v for v in views if spoken_of_lately(v, talk.now)), key=lambda v: str(v.told_at))
    if not told or (len(told) > 1 and told[-1].told_at == told[-2].told_at):
        return None
    return told[-1]


async def do_to_meant(talk: Talk, act: str, text: str, views: Sequence[CaseView]) -> None:
    """Do it to the case that the words point at; which one is asked only when it matters."""
    picked = meant(talk, text, views)
    if picked is None and act in _VERDICTS and not words.tells_why(text):
        picked = _last_spoken_of(talk, views)
    await (do(talk, act, picked.id, text) if picked is not None else ask_which(talk, act, text, views))


async def ask_which(talk: Talk, act: str, note: str, views: Sequence[CaseView]) -> None:
    """Several could be meant."""
    d = talk.dialogue
    d.which, d.which_note, d.shown = act, note, [v.id for v in views]
    talk.lists([v.id for v in views[:8]])
    lines = [
        say("which"),
        *(f"{n}. {cards.case_line(v, 16, talk.speaker.person_id)}" for n, v in enumerate(views[:8], 1)),
    ]
    rows: Rows = [[option(cards.option_line(v), Which(act=act, case=v.id))] for v in views[:8]]
    await talk.answer("\n".join(lines), rows, asks="case")


# ---- what is done


async def do(talk: Talk, act: str, case_id: int, note: str = "") -> None:
    """One of the resident's acts on one case."""
    match act:
        case "urge":
            await _urge(talk, case_id, note)
        case "solved" | "partly" | "not":
            await _judge(talk, act, case_id, note)
        case "may_withdraw":
            view = await talk.office.cases.look(talk.speaker.person_id, case_id)
            await take_back(talk, note, [view])
        case "withdraw":
            await _withdraw(talk, case_id, note)
        case "go_on":
            await go_on(talk, [await talk.office.cases.look(talk.speaker.person_id, case_id)])
        case "again":
            await _again(talk, case_id, note)
        case "confidential":
            await secrecy.keep(talk, case_id)
        case secrecy.LIFT:
            await secrecy.lift(talk, note, [await talk.office.cases.look(talk.speaker.person_id, case_id)])
        case "restore":
            view = await talk.office.cases.reopen(talk.speaker.person_id, case_id, note)
            await talk.say("restored", number=view.number, holder=view.holder)
        case _:
            await _show(talk, await talk.office.cases.look(talk.speaker.person_id, case_id))


async def _show(talk: Talk, view: CaseView) -> None:
    body, rows = cards.progress(view, talk.now, talk.zone, talk.speaker.person_id)
    await talk.answer(body, rows)


async def _urge(talk: Talk, case_id: int, note: str) -> None:
    view = await talk.office.cases.urge(talk.speaker.person_id, case_id, note)
    if view.status is Status.TO_JUDGE:
        await _show(talk, view)
        return
    clock = cards.clock_line(view, talk.now, talk.zone)
    key = "urged.alone" if view.rung is Rung.COMMUNITY else "urged"
    await talk.say(key, holder=view.holder, number=view.number, clock=clock)


async def _judge(talk: Talk, verdict: str, case_id: int, note: str) -> None:
    me = talk.speaker.person_id
    before = await talk.office.cases.look(me, case_id)
    if verdict != "solved" and before.status not in AWAITING_VERDICT and before.open:
        await _urge(talk, case_id, note)  # not done yet, and nobody has said so: that is a push, not a verdict
        return
    view = await talk.office.cases.judge(me, case_id, verdict, note)
    if verdict == "solved":
        await talk.say("judge.solved", number=view.number)
        return
    asked = not words.tells_why(note)
    if asked:
        talk.dialogue.pending, talk.dialogue.pending_case = "why_not", case_id
    key = f"judge.{verdict}" if before.open else "reopened"
    if before.result_kind == "unfounded" and before.open:
        key = "judge.objected"
    why = "\n" + say("judge.why") if asked else ""
    await talk.say(key, number=view.number, holder=view.holder, why=why)


async def _again(talk: Talk, case_id: int, note: str) -> None:
    """又坏了: a case of its own, linked to the one that was solved."""
    before = await talk.office.cases.look(talk.speaker.person_id, case_id)
    view = await talk.office.cases.recurs(talk.speaker.person_id, case_id, note or before.text, photos(talk))
    talk.touch(view.id)
    text, rows = cards.opened(view, talk.now, talk.zone)
    await talk.answer(f"{say('again', before=before.number)}\n{text}", rows)


async def _withdraw(talk: Talk, case_id: int, note: str) -> None:
    view = await talk.office.cases.withdraw(talk.speaker.person_id, case_id, note)
    if view.status is Status.WITHDRAWN:
        rows = [[option("点错了，恢复", CaseDo(act="restore", case=view.id))]]
        await talk.say("withdrawn", rows, number=view.number)
    else:
        await talk.say("withdrawn.left", number=view.number)
    talk.dialogue.recent = None
