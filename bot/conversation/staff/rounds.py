"""定期维护 in chat: promise it, confirm a round with a photo, call for one after heavy rain, take the next season on."""

import re
from datetime import date

from bot.conversation import cards, words
from bot.conversation.buttons import Rows, Upkeep, option
from bot.conversation.phrases import say
from bot.conversation.staff import season_words
from bot.conversation.talk import Talk
from workflows.case_file import CaseView
from workflows.handling import Missing
from workflows.policy.privacy import mask
from workflows.policy.upkeep import Rhythm
from workflows.upkeep import PlanView

PENDING = "round"  # waits for the photo of a round
SKIPPING = "round_skip"  # waits for the reason why one is left out
_NO_PHOTO = re.compile(r"无照片|没有?照片|没照片|拍不了")


async def promise(talk: Talk, case_id: int, note: str) -> CaseView | None:
    """The words of a promise become a plan; what cannot be read or makes no sense is asked for again."""
    today = talk.now.astimezone(talk.zone).date()
    season = season_words.read(note, today)
    if season is None:
        raise Missing("upkeep.no_rhythm")
    plan = await talk.office.upkeep.plan(talk.speaker.person_id, case_id, season)
    await talk.say("upkeep.made", _end_rows(plan), plan=plan_line(plan))
    return None


async def tapped(talk: Talk, act: str, row: int) -> None:
    """A button of a round or a plan."""
    talk.act("upkeep")
    me, upkeep = talk.speaker.person_id, talk.office.upkeep
    match act:
        case "done":
            talk.dialogue.pending, talk.dialogue.pending_case = PENDING, row
            await talk.say("upkeep.photo")
        case "skip":
            talk.dialogue.pending, talk.dialogue.pending_case = SKIPPING, row
            await talk.say("need.skip_reason")
        case "call":
            plan = await upkeep.call(me, row)
            await talk.say("upkeep.called", plan=plan_line(plan))
        case "renew":
            plan = await upkeep.renew(me, row)
            await talk.say("upkeep.made", _end_rows(plan), plan=plan_line(plan))
        case "end":
            plan = await upkeep.end(me, row)
            await talk.say("upkeep.ended", plan=plan_line(plan))
        case _:
            await talk.say("upkeep.no_more")


async def confirms(talk: Talk, text: str) -> bool:
    """The photo or the words after 做好了. False when they are about something else."""
    d = talk.dialogue
    if d.pending not in (PENDING, SKIPPING):
        return False
    if words.never_mind(text) or text.strip() in ("取消", "不", "算了"):
        d.pending = ""
        await talk.say("pending.cancelled")
        return True
    if talk.photo_refused:
        return False
    if d.pending == SKIPPING:
        return await _left_out(talk, text)
    if not talk.photo and not _NO_PHOTO.search(text):
        await talk.say("need.round_photo")
        return True
    d.pending = ""
    talk.act("upkeep")
    photos = [talk.photo] if talk.photo else []
    talk.photo_used = bool(photos)
    plan = await talk.office.upkeep.done(talk.speaker.person_id, d.pending_case, text, photos)
    following = say("upkeep.next", day=day_words(plan.next_on)) if plan.next_on is not None else ""
    await talk.say("upkeep.kept", turn=plan.done, number=plan.number, next=following)
    return True


async def _left_out(talk: Talk, reason: str) -> bool:
    if not reason.strip():
        await talk.say("need.skip_reason")
        return True
    d = talk.dialogue
    d.pending = ""
    talk.act("upkeep")
    due = await talk.office.upkeep.due_day(d.pending_case)
    plan = await talk.office.upkeep.skip(talk.speaker.person_id, d.pending_case, reason)
    following = say("upkeep.next", day=day_words(plan.next_on)) if plan.next_on is not None else ""
    await talk.say("upkeep.left_out", day=day_words(due), number=plan.number, next=following)
    return True


async def plans(talk: Talk) -> None:
    """/维护: the plans that one has to do with."""
    talk.act("upkeep")
    found = await talk.office.upkeep.plans(talk.speaker.person_id)
    if not found:
        await talk.say("upkeep.none")
        return
    lines = [say("upkeep.title", n=len(found)), *(f"{n}. {plan_line(plan)}" for n, plan in enumerate(found[:10], 1))]
    rows: Rows = []
    for n, plan in enumerate(found[:10], 1):
        if plan.rhythm is Rhythm.TRIGGER:
            rows.append([option(f"第{n}项：{plan.trigger}过了，现在做", Upkeep(act="call", row=plan.id))])
        rows.append([option(f"停掉第{n}项", Upkeep(act="end", row=plan.id))])
    await talk.answer("\n".join(lines), rows)


def plan_line(plan: PlanView) -> str:
    """【TD…】喷药，每14天，4月1日—9月30日，呼和浩特市水务局；下次4月1日."""
    rhythm = {
        Rhythm.DAYS: f"每{plan.every}天",
        Rhythm.MONTHS: "每月" if plan.every == 1 else f"每{plan.every}个月",
        Rhythm.TRIGGER: f"{plan.trigger}过后",
    }[plan.rhythm]
    span = f"{cards.date_words(plan.first_on)}—{cards.date_words(plan.last_on)}"
    done = f"，已做{plan.done}次" if plan.done else ""
    missed = f"，漏了{plan.missed}次" if plan.missed else ""
    following = f"；下次{day_words(plan.next_on)}" if plan.next_on is not None else ""
    return f"【{plan.number}】{mask(plan.work)}，{rhythm}，{span}，{plan.unit}{done}{missed}{following}"


def day_words(day: date | None) -> str:
    """4月1日."""
    return f"{day.month}月{day.day}日" if day is not None else ""


def _end_rows(plan: PlanView) -> Rows:
    return [[option("停掉这项维护", Upkeep(act="end", row=plan.id))]]
