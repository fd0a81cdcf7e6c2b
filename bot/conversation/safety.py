"""Danger now: the right number at once, from plain code; then the people on duty, until it is over."""

from datetime import datetime, timedelta

from bot.conversation import danger_words, words
from bot.conversation.buttons import Rows, TakeAlert, option
from bot.conversation.cards import ROLE
from bot.conversation.danger_told import OF_DANGER, named, quoted, reachable, so_far
from bot.conversation.dialogue import address_kept
from bot.conversation.phrases import say
from bot.conversation.resident.message import is_certain, photos
from bot.conversation.talk import Talk
from bot.metrics import EMERGENCIES
from nlu.passages import ANNOUNCES
from nlu.safety import Danger, advice_on
from nlu.understanding import REQUEST_INTENTS
from workflows.alerts import Raised

_WHILE = timedelta(hours=1)  # so long after an alarm its words are taken for more of it
_POISONS = frozenset({"gas", "co", "fire"})  # where a dizzy head is the danger itself
_SMALL = frozenset({"thanks", "goodbye", "greet", "help"})


async def answer(talk: Talk, danger: Danger | None, text: str) -> bool:
    """Say what to do and whom to ring; tell everybody on duty. No case is opened: a telephone is faster.

    False: the words were about a danger that was called out before.
    """
    if await reports_back(talk, text, danger) or (danger is None and await answers_alarm(talk, text)):
        return False  # a danger that the net knows is called out, whatever was called out before
    if danger is None and await _over(talk, text):
        return False
    more = danger is None and alarmed(talk) and _is_more(talk, text)
    kind = danger.kind if danger is not None else talk.dialogue.alarm_kind if more else "unclear"
    talk.act("emergency")
    talk.dialogue.emergency = True
    EMERGENCIES.labels(kind).inc()
    raised = await _called_out(talk, kind, text)
    await talk.answer(f"{advice_again(kind, text) or advice(danger)}\n{_who_knows(raised)}")
    return True


async def _called_out(talk: Talk, kind: str, text: str) -> Raised:
    d, me = talk.dialogue, talk.speaker
    if not (alarmed(talk) or _lately_over(talk)):
        d.alarm_where = {}
    where, puts = so_far(talk, named(talk, text, kind), text)
    raised = await talk.office.alerts.danger(
        me.person_id, me.community_id, kind, quoted(text), reachable(talk, where), moves=puts
    )
    if puts or raised.id != d.alarm:
        d.alarm_where = address_kept(where)
    if kind != "unclear" or raised.id != d.alarm:
        d.alarm_kind = kind
    d.alarm, d.alarm_at, d.alarm_over = raised.id, talk.now.isoformat(), None
    return raised


def advice(danger: Danger | None) -> str:
    """What is said to somebody in danger; needs neither database nor NLU."""
    return say("danger.general") if danger is None else danger.advice


def advice_again(kind: str, text: str) -> str:
    """What is said to somebody whose danger goes on; who feels ill in gas or smoke hears of the ambulance first."""
    if kind in _POISONS and danger_words.sick(text):
        return f"{say('danger.sick')}\n{advice_on(kind)}"
    return advice_on(kind)


def _who_knows(raised: Raised) -> str:
    role, name = raised.goes
    if name:
        return say("danger.goes", who=f"{ROLE.get(role, '')}{name}")
    return say("danger.told") if raised.told else say("danger.nobody")


async def goes_on(talk: Talk, text: str) -> bool:
    """Words that follow an alarm: that it is over, more of it, or where the help is. False: something else."""
    d = talk.dialogue
    if not alarmed(talk):
        return _lately_over(talk) and await _after_all(talk, text)
    if await _over(talk, text):
        return True
    if d.draft is not None or d.pending or talk.speaker.staff or not text.strip() or len(text) > 200:
        return False
    if (ANNOUNCES.match(text) or not _is_more(talk, text)) and _another_errand(talk, text):
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
        return True
    urgent = danger_words.half_over(text) or _is_more(talk, text)
    told = (advice_again(d.alarm_kind, text) if urgent else "") or say("danger.added")
    await talk.answer(f"{told}\n{_who_knows(raised)}")
    return True


def _is_more(talk: Talk, text: str) -> bool:
    """Whether a sign is told that the danger goes on; in gas or smoke a dizzy head is one by itself."""
    return danger_words.lasts(text) or (talk.dialogue.alarm_kind in _POISONS and danger_words.sick(text))


def _another_errand(talk: Talk, text: str) -> bool:
    """Whether words that follow an alarm are surely about something else."""
    d, u = talk.dialogue, talk.alone
    if u is None:
        return False
    other = u.intent in REQUEST_INTENTS and u.intent not in OF_DANGER.get(d.alarm_kind, frozenset())
    if is_certain(talk, u) and (u.intent in _SMALL or u.intent == "withdraw" or (other and len(text) > 8)):
        return True
    return u.intent == "out_of_scope" and u.confidence >= 0.9


async def _after_all(talk: Talk, text: str) -> bool:
    """What is said soon after an all-clear: the same once more, or that it is not over after all."""
    d = talk.dialogue
    if danger_words.all_clear(text):
        return await _cleared(talk, d.alarm_over or 0, text)
    if not danger_words.lasts(text) or ANNOUNCES.match(text) or d.draft is not None or d.pending:
        return False
    talk.act("alarm")
    raised = await _called_out(talk, d.alarm_kind, text)
    await talk.answer(f"{advice_again(d.alarm_kind, text) or advice(None)}\n{_who_knows(raised)}")
    return True


def alarmed(talk: Talk) -> bool:
    """Whether this chat has called out a danger within the hour that is not over yet."""
    d = talk.dialogue
    return d.alarm is not None and talk.now - datetime.fromisoformat(d.alarm_at) <= _WHILE


def _lately_over(talk: Talk) -> bool:
    d = talk.dialogue
    return d.alarm_over is not None and talk.now - datetime.fromisoformat(d.alarm_at) <= _WHILE


async def _over(talk: Talk, text: str) -> bool:
    """没事了, 人救出来了: told to those on duty; whoever went still looks."""
    if not alarmed(talk) or not danger_words.all_clear(text):
        return False
    return await _cleared(talk, talk.dialogue.alarm or 0, text)


async def _cleared(talk: Talk, alarm: int, text: str) -> bool:
    talk.act("all_clear")
    await talk.office.alerts.clear(talk.speaker.person_id, alarm, text)
    talk.dialogue.alarm, talk.dialogue.alarm_over = None, alarm
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
    going, news = words.going(text), danger_words.half_over(text) or words.there(text)
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
