"""Not too fast: who writes more in a minute than a person can mean is told once, and danger is heard all the same."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from aiogram.types import CallbackQuery, Message, TelegramObject

from bot.conversation import safety
from bot.conversation.buttons import TakeAlert
from bot.conversation.talk import Talk, keep

_MINUTE = timedelta(minutes=1)


async def not_too_fast(
    handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]], event: TelegramObject, data: dict[str, Any]
) -> Any:
    """Counts the messages and taps of a chat by the minute, in the chat's own notes: they outlive a restart.

    What comes over the limit is not taken, and that is said, once a minute. The words of danger, and what is said while an
    alarm is on, always go through.
    """
    talk: Talk = data["talk"]
    if not talk.settings.limited or _counted(talk) <= _allowed(talk) or _urgent(talk, event):
        return await handler(event, data)
    talk.act("limited")
    if isinstance(event, CallbackQuery):
        await event.answer()
    d = talk.dialogue
    if not d.told_to_wait:
        d.told_to_wait = True
        begun = datetime.fromisoformat(d.minute)
        seconds = max(1, round((begun + _MINUTE - talk.now).total_seconds()))
        asked, options = d.asked, d.options
        await talk.say("limit.messages", seconds=seconds)
        d.asked, d.options = asked, options  # the question before it still stands
    await keep(data["state"], d)
    return None


def _counted(talk: Talk) -> int:
    d = talk.dialogue
    if not d.minute or not timedelta(0) <= talk.now - datetime.fromisoformat(d.minute) < _MINUTE:
        d.minute, d.in_minute, d.told_to_wait = talk.now.isoformat(), 0, False
    d.in_minute += 1
    return d.in_minute


def _allowed(talk: Talk) -> int:
    return talk.settings.limits.of(staff=talk.speaker.staff).messages_per_minute


def _urgent(talk: Talk, event: TelegramObject) -> bool:
    """Whether this is about danger, or may be."""
    if isinstance(event, CallbackQuery):
        return (event.data or "").startswith(f"{TakeAlert.__prefix__}:")
    if not isinstance(event, Message) or safety.alarmed(talk) or talk.dialogue.pending == "alert":
        return True
    heard = talk.settings.nlu.ear.hear(event.text or event.caption or "", talk.alone)
    return heard.now or heard.perhaps
