"""Danger now: the right number at once, from plain code; then the people on duty."""

from bot.conversation.talk import Talk
from bot.metrics import EMERGENCIES
from nlu.safety import Danger

_GENERAL = "请先保证自己和家人的安全！\n火警119　急救120　报警110\n请现在就打电话。我已经通知网格员和社区值班的人。"


async def answer(talk: Talk, danger: Danger | None, text: str) -> None:
    """Say what to do and whom to ring; tell everybody on duty. No case is opened: a telephone is faster."""
    kind = danger.kind if danger is not None else "unclear"
    talk.act("emergency")
    talk.dialogue.emergency = True
    EMERGENCIES.labels(kind).inc()
    await talk.answer(advice(danger))
    where = talk.locate(text, talk.alone)
    if not where.routable and talk.speaker.home.routable:
        where = talk.speaker.home
    await talk.office.alerts.danger(talk.speaker.person_id, talk.speaker.community_id, kind, text, where)


def advice(danger: Danger | None) -> str:
    """What is said to somebody in danger; needs neither database nor NLU."""
    if danger is None:
        return _GENERAL
    return danger.advice + "\n我已经通知网格员和社区值班的人。"
