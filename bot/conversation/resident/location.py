"""A shared location: the nearest estate that the directory has coordinates of, or a question for words."""

from bot.conversation.dialogue import address_kept
from bot.conversation.resident.reports import begun, placed, proceed
from bot.conversation.talk import Talk


async def located(talk: Talk, lat: float, lon: float) -> None:
    """Where somebody stands: of the report that waits for its place, or of what they say next."""
    talk.act("place")
    d = talk.dialogue
    estate = talk.directory.nearest(lat, lon)
    if estate is None:
        await talk.say("location.unknown", asks="location" if d.draft is not None else "problem")
        return
    here = talk.directory.address_of(estate.id)
    d.here, d.here_at = address_kept(here), talk.now.isoformat()
    if d.draft is not None and d.draft.texts and not d.draft.where.estate:
        placed(talk, d.draft, here)
        await proceed(talk)
        return
    if not talk.speaker.staff:
        begun(talk).address = address_kept(here)
    await talk.say("location.known", place=estate.name, asks="problem")
