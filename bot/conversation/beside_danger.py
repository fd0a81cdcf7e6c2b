"""What a message reports beside a danger: the danger was answered first, and the rest is entered as ever."""

from bot.conversation.safety import OF_DANGER
from bot.conversation.staff import patrol
from bot.conversation.talk import Talk
from bot.matters import Matter, ReadPassage, apart_from, in_danger
from nlu.passages import listed

_SURE = 0.7


async def also(talk: Talk, text: str, kind: str) -> None:
    """Open what is told beside the danger, without a question: whoever is in danger has none to spare."""
    crying = in_danger(talk.passages, talk.settings.nlu.ear)
    rest = [one for one in talk.passages if one not in crying]
    if not crying or not rest:
        return
    before, items = listed(text)
    if items and talk.speaker.has(*patrol.GOES_ROUND):
        await patrol.several(talk, [one.text for one in rest], before, of_danger=True)
        return
    told = [Matter(one.u, [one.text]) for one in rest if _surely_another(one, crying, kind)]
    if told:
        talk.dialogue.wait(told, talk.locate(text, talk.alone).of_estate(), at_once=True)
        await talk.say("danger.beside", n=len(told))


def _surely_another(one: ReadPassage, crying: list[ReadPassage], kind: str) -> bool:
    """Set apart from the danger by a number, by 另外 or by another house, and nothing that the danger brings with it."""
    if one.u.confidence < _SURE or one.u.intent in OF_DANGER.get(kind, frozenset()):
        return False
    return all(apart_from(one, danger) for danger in crying)
