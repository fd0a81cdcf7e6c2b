"""The one entry: whether a message answers what was asked, goes on with a report, or is something else."""

from dataclasses import replace

from bot.conversation import elder, positions, words
from bot.conversation.resident import answers, bubbles, matters, menus, no_report, voice
from bot.conversation.resident.message import is_request
from bot.conversation.resident.reports import draft_expired
from bot.conversation.talk import Talk
from bot.matters import is_story, of_a_story
from nlu.understanding import Understanding, is_foreign, script_of

MOST_REREADS = 4  # a text that the NLU cannot read in so many tries is given to a person as it is


async def hear(talk: Talk, text: str) -> None:
    """A resident's message: what does it answer, what does it begin? A photo beside it is never left over."""
    await _heard(talk, text)
    await bubbles.keep_photo(talk)


async def _heard(talk: Talk, text: str) -> None:
    if talk.photo_refused:
        setting = talk.settings.voice
        limit = (
            setting.limit_mb if talk.photo_refused.startswith("voice.") else talk.settings.channels.web.photo_limit_mb
        )
        await talk.say(talk.photo_refused, limit=limit, seconds=setting.limit_seconds)
        if not text.strip():
            return  # words beside it are read all the same
    if not text.strip():
        if talk.voice:
            await voice.alone(talk)
        else:
            await (bubbles.photo_alone(talk) if talk.photo else talk.say("empty", asks="problem"))
        return
    await elder.offered(talk, text)
    if is_foreign(text) and len([c for c in text if c.isalpha()]) > 3:
        await no_report.foreign(talk, text)
        return
    if await positions.answered(talk, text) or await answers.answered(talk, text):
        return
    if await no_report.said_beside(talk, text):
        return
    if talk.alone is None:
        await menus.unread(talk, text)
    elif (script_of(text) == "none" and not talk.alone.entities) or words.bare_number(text):
        talk.act("out_of_scope")
        await talk.say("no.words", asks="" if talk.in_recent() else "problem")
    else:
        await _understood(talk, text, talk.alone)


async def _understood(talk: Talk, text: str, u: Understanding) -> None:
    if await matters.told(talk, text):
        return
    request = is_request(talk, u)
    if request:
        found = talk.locate(text, u)
        if words.only_place(text, found.estate, found.place):
            request = False
            u = replace(u, intent="place", confidence=0.0, ranking=(), also=())
    if is_story(text, u) and of_a_story(talk.passages):
        await bubbles.report(talk, text, u)
        return
    d = talk.dialogue
    if d.draft is None and talk.in_recent() and await bubbles.continues(talk, text, u, request=request):
        return
    if not request and await no_report.answer(talk, text, u):
        return
    await bubbles.report(talk, text, u)


async def reread(talk: Talk) -> None:
    """The NLU is back: read what was only kept, or, when nothing can be made of it, open it for a person."""
    d = talk.dialogue
    draft = d.draft
    if draft is None or not draft.unread:
        return
    if talk.alone is None:
        draft.rereads += 1
        if draft.rereads >= MOST_REREADS:  # it will not be read: a person does it
            draft.unread = False
            await draft_expired(talk)
        return
    text, photos, where = draft.text, list(draft.photos), dict(draft.address)
    d.draft = None
    await talk.say("nlu.back")
    await _understood(talk, text, talk.alone)
    if d.draft is not None:
        d.draft.photos += [p for p in photos if p not in d.draft.photos]
        d.draft.address = d.draft.address or where
    elif photos and talk.in_recent():
        await talk.office.cases.attach(d.recent or 0, photos)
