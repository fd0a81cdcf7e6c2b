"""What a message reports beside a danger: the danger was answered first, and the rest is entered as ever."""

from bot.conversation.danger_told import crying, other_matters
from bot.conversation.staff import patrol
from bot.conversation.talk import Talk
from bot.matters import Matter, ReadPassage
from nlu.passages import listed


async def also(talk: Talk, text: str, kind: str) -> None:
    """Open what is told beside the danger, without a question: whoever is in danger has none to spare."""
    cries = crying(talk)
    rest = [one for one in talk.passages if one not in cries]
    before, items = listed(text)
    if items and cries and rest and talk.speaker.has(*patrol.GOES_ROUND):
        await patrol.several(talk, [one.text for one in rest], before, of_danger=True)
        return
    told = _by_kind(other_matters(talk, kind))
    if told:
        talk.dialogue.wait(told, talk.locate(text, talk.alone).of_estate(), at_once=True)
        await talk.say("danger.beside", n=len(told))


def _by_kind(passages: list[ReadPassage]) -> list[Matter]:
    """Two clauses about one kind of thing, neither set apart from the other, are one matter."""
    found: list[Matter] = []
    for one in passages:
        more = [matter for matter in found if matter.u.intent == one.u.intent]
        if more and not (one.passage.listed or one.passage.announced):
            more[-1].texts.append(one.text)
        else:
            found.append(Matter(one.u, [one.text]))
    return found
