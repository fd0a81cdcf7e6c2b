"""Several matters in one message: the first at once, the others in their turn, each a case or a question; none is lost."""

from typing import Any

from bot import matters
from bot.conversation import words
from bot.conversation.buttons import Also, Rows, option
from bot.conversation.cards import shortened
from bot.conversation.resident import bubbles
from bot.conversation.resident.reports import begun, finding
from bot.conversation.talk import Talk
from nlu.understanding import Understanding
from workflows.policy import confidence
from workflows.policy.places import Address

EVENT = "matter"  # a turn of its own for the next of them
ASKED = "also"
_MOST = 8  # of one message; what is told beyond stays in the words of the last


async def told(talk: Talk, text: str) -> bool:
    """Take a message that tells of several matters. False when it does not."""
    if talk.alone is None or matters.is_story(text, talk.alone):
        return False
    found = matters.several(talk.passages, talk.alone)
    if not found:
        return False
    talk.dialogue.wait(found[1:_MOST], _estate(talk, text))
    first = found[0]
    if confidence.wanted(text):  # said once, it is meant for all of them
        begun(talk).confidential = True
        for one in talk.dialogue.waiting:
            one["confidential"] = True
    talk.joined = first.u if talk.joined is not None else None
    await bubbles.report(talk, first.text, first.u)
    return True


def _estate(talk: Talk, text: str) -> Address:
    """The estate that the message names, for those of its matters that name only a house."""
    return talk.locate(text, talk.alone).of_estate()


def calls_next(talk: Talk) -> bool:
    """At the end of a turn: let the next matter have one, unless a report or a question is in hand."""
    d = talk.dialogue
    if not d.waiting or d.draft is not None or d.asked == ASKED or d.waiting[0].get("called"):
        return False
    d.waiting[0]["called"] = True
    talk.later.append((EVENT, str(d.waiting[0]["text"]), ""))
    return True


async def next_one(talk: Talk) -> None:
    """The turn of the matter that has waited longest: a report like any other, or the question whether it is one."""
    d = talk.dialogue
    if not d.waiting:
        return
    if d.draft is not None:  # something else was begun meanwhile: it goes first
        d.waiting[0]["called"] = False
        return
    one = d.waiting[0]
    if one["sure"]:
        d.waiting.pop(0)
        await _report(talk, one, talk.alone)
        return
    talk.act(ASKED)
    rows: Rows = [[option("要，也登记", Also(how="yes")), option("不用", Also(how="no"))]]
    kind = talk.category(str(one["intent"]))
    await talk.say("also.ask", rows, text=shortened(str(one["text"]), 40), kind=kind, asks=ASKED)


async def answered(talk: Talk, *, wanted: bool) -> None:
    """The answer to whether it is to be entered as well."""
    d = talk.dialogue
    talk.act(ASKED)
    if d.asked != ASKED or not d.waiting:
        await talk.say("stale", why="要登记就再说一句")
        return
    one = d.waiting.pop(0)
    d.asked = ""
    if wanted:
        await _report(talk, one, None)
    else:
        await talk.say("also.no")


async def answers(talk: Talk, text: str) -> bool:
    """要, 不用, typed. Anything else leaves it: its words stand in the matter before it."""
    d = talk.dialogue
    if d.asked != ASKED:
        return False
    if words.yes(text) or words.wants(text) or words.no(text) or words.never_mind(text):
        await answered(talk, wanted=words.yes(text) or words.wants(text))
        return True
    d.waiting = d.waiting[1:]
    d.asked = ""
    return False


async def _report(talk: Talk, one: dict[str, Any], read: Understanding | None) -> None:
    text = str(one["text"])
    known = ((str(one["intent"]), float(one["confidence"])),)
    u = read or Understanding(text, *known[0], ranking=known)
    if not one["sure"]:  # they have said that it is one
        u = Understanding(text, *known[0], ranking=known, entities=u.entities)
    if one["at_once"]:
        found = talk.directory.refine(_kept(one), talk.locate(text, u))
        home = talk.speaker.home
        await finding(talk, text, u, found if found.known_to_resident or not home.routable else home, "")
        return
    if one.get("confidential"):
        begun(talk).confidential = True
    if one["address"]:
        begun(talk).address = dict(one["address"])
    await bubbles.report(talk, text, u)


def _kept(one: dict[str, Any]) -> Address:
    return Address(**{**one["address"], "maybe": tuple(one["address"].get("maybe", ()))})
