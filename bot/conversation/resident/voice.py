"""A recording without words: into the report or the case that it follows, or the beginning of a new one. A person hears it."""

from bot.conversation.resident.message import photos
from bot.conversation.resident.reports import begun, file_anyway
from bot.conversation.talk import Talk
from nlu.understanding import REQUEST_INTENTS
from workflows.policy.lifecycle import Status


async def alone(talk: Talk) -> None:
    """Kept where it belongs; the resident is told that it is heard, and what makes it quicker.

    Alone it becomes a case when the draft's time is over, so that a line of text that follows is no second case.
    """
    d = talk.dialogue
    talk.act("voice")
    if d.draft is None:
        target = await _target(talk)
        if target is not None:
            view = await talk.office.cases.add(talk.speaker.person_id, target, "", photos(talk))
            talk.touch(view.id)
            await talk.say("added.voice", number=view.number, holder=view.holder)
            return
    draft = begun(talk)
    draft.photos += photos(talk)
    if draft.texts and draft.category in REQUEST_INTENTS and draft.where.routable:
        await file_anyway(talk)  # what was asked is answered in sound; everything that a case needs is there
        return
    await talk.say("voice.kept", asks=d.asked or "problem")


async def _target(talk: Talk) -> int | None:
    """The case that a recording goes on with: the last one spoken of, or the one that waits for more."""
    cases = [view for view in await talk.office.cases.mine(talk.speaker.person_id) if view.open]
    recent = talk.dialogue.recent
    if talk.in_recent() and any(view.id == recent for view in cases):
        return recent
    waiting = [view.id for view in cases if view.status is Status.WAITING_FOR_RESIDENT]
    return waiting[0] if len(waiting) == 1 else None
