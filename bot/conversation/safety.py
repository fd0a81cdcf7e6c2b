"""Danger now: the right number at once, from plain code; then the people on duty, until it is over."""

from datetime import datetime, timedelta

from bot.conversation import words
from bot.conversation.buttons import Rows, TakeAlert, option
from bot.conversation.cards import ROLE
from bot.conversation.danger_told import OF_DANGER, named, quoted, reachable, so_far
from bot.conversation.dialogue import address_kept
from bot.conversation.phrases import say
from bot.conversation.resident.message import is_certain, photos
from bot.conversation.talk import Talk
from bot.metrics import EMERGENCIES
from nlu.safety import Danger
from nlu.understanding import REQUEST_INTENTS
from workflows.alerts import Raised

_WHILE = timedelta(hours=1)  # so long after an alarm its words are taken for more of it
_SMALL = frozenset({"thanks", "goodbye", "greet", "help"})


async def answer(talk: Talk, danger: Danger | None, text: str) -> bool:
    """Say what to do and whom to ring; tell everybody on duty. No case is opened: a telephone is faster.

    False: the words were about a danger that was called out before.
    """
    if await reports_back(talk, text, danger) or (danger is None and await answers_alarm(talk, text)):
        return False  # a danger that the net knows is called out, whatever was called out before
    if danger is None and await _over(talk, text):
        return False
    kind = danger.kind if danger is not None else "unclear"
    talk.act("emergency")
    talk.dialogue.emergency = True
    EMERGENCIES.labels(kind).inc()
    raised = await _called_out(talk, kind, text)
    await talk.answer(f"{advice(danger)}\n{_who_knows(raised)}")
    return True


async def _called_out(talk: Talk, kind: str, text: str) -> Raised:
    d, me = talk.dialogue, talk.speaker
    if not alarmed(talk):
        d.alarm_where = {}
    where, puts = so_far(talk, named(talk, text, kind), text)
    raised = await talk.office.alerts.danger(
        me.person_id, me.community_id, kind, quoted(text), reachable(talk, where), moves=puts
    )
    if puts or raised.id != d.alarm:
        d.alarm_where = address_kept(where)
    d.alarm, d.alarm_at, d.alarm_kind = raised.id, talk.now.isoformat(), kind
    return raised


def advice(danger: Danger | None) -> str:
    """What is said to somebody in danger; needs neither database nor NLU."""
    return say("danger.general") if danger is None else danger.advice


def _who_knows(raised: Raised) -> str:
    role, name = raised.goes
    if name:
        return say("danger.goes", who=f"{ROLE.get(role, '')}{name}")
    return say("danger.told") if raised.told else say("danger.nobody")


async def goes_on(talk: Talk, text: str) -> bool:
    """Words that follow an alarm: that it is over, more of it, or where the help is. False: something else."""
    d = talk.dialogue
    if not alarmed(talk):
        return False
    if await _over(talk, text):
        return True
    u = talk.alone
    if d.draft is not None or d.pending or talk.speaker.staff or not text.strip() or len(text) > 200:
        return False
    if u is not None:
        other = u.intent in REQUEST_INTENTS and u.intent not in OF_DANGER.get(d.alarm_kind, frozenset())
        if is_certain(talk, u) and (u.intent in _SMALL or u.intent == "withdraw" or (other and len(text) > 8)):
            return False
        if u.intent == "out_of_scope" and u.confidence >= 0.9:
            return False
    talk.act("alarm")
    where, puts = so_far(talk, talk.locate(text, talk.alone), text)
    if puts:
        d.alarm_where = address_kept(where)
    raised = await talk.office.alerts.add(
        talk.speaker.person_id, d.alarm or 0, quoted(text), photos(talk), reachable(talk, where) if puts else None
    )
    if d.alarm_kind == "suicide":
        await talk.say("danger.listening")
    else:
        await talk.answer(f"{say('danger.added')}\n{_who_knows(raised)}")
    return True


def alarmed(talk: Talk) -> bool:
    """Whether this chat has called out a danger within the hour that is not over yet."""
    d = talk.dialogue
    return d.alarm is not None and talk.now - datetime.fromisoformat(d.alarm_at) <= _WHILE


async def _over(talk: Talk, text: str) -> bool:
    """没事了, 人救出来了: told to those on duty; whoever went still looks."""
    if not alarmed(talk) or not words.all_clear(text):
        return False
    talk.act("all_clear")
    await talk.office.alerts.clear(talk.speaker.person_id, talk.dialogue.alarm or 0, text)
    talk.dialogue.alarm = None
    await talk.say("danger.over")
    return True


# ---- those who go


async def take(talk: Talk, alert_id: int, act: str) -> None:
    """我去看, and afterwards 报个信."""
    if act == "go" and not await talk.office.alerts.take(talk.speaker.person_id, alert_id):
        await talk.say("alert.gone")
        return
    talk.dialogue.pending, talk.dialogue.pending_case = "alert", alert_id
    if act == "go":
        rows: Rows = [[option("报个信", TakeAlert(alert=alert_id, act="report"))]]
        await talk.say("alert.taken", rows)
    else:
        await talk.say("alert.ask")


async def answers_alarm(talk: Talk, text: str) -> bool:
    """A colleague who types instead of tapping: 我去, 到了, 人救出来了, about a danger that they were called to."""
    if not talk.speaker.staff or not text.strip():
        return False
    going, news = words.going(text), words.all_clear(text) or words.there(text)
    if not going and not news:
        return False
    alert_id = await talk.office.alerts.called_to(talk.speaker.person_id, free=not news)
    if alert_id is None:
        return False
    if going and not news:
        await take(talk, alert_id, "go")
        return True
    talk.dialogue.pending, talk.dialogue.pending_case = "alert", alert_id
    return await reports_back(talk, text)


async def reports_back(talk: Talk, text: str, danger: Danger | None = None) -> bool:
    """What whoever went has found: the words after 我去看."""
    d = talk.dialogue
    if d.pending != "alert" or (not text.strip() and not talk.photo):
        return False
    alert_id, d.pending = d.pending_case, ""
    talk.act("alert_report")
    await talk.office.alerts.report(talk.speaker.person_id, alert_id, text.strip(), photos(talk))
    rows: Rows = [[option("再报个信", TakeAlert(alert=alert_id, act="report"))]]
    told = say("alert.reported")
    await talk.answer(f"{danger.advice}\n{told}" if danger is not None else told, rows)
    return True
