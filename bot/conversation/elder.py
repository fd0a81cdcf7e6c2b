"""长辈版: large type, short sentences, at most four numbered choices at once, and always a person's number to ring."""

import re
from dataclasses import dataclass

from aiogram.filters import BaseFilter
from aiogram.types import Message, TelegramObject

from bot.conversation.buttons import Option
from bot.conversation.phrases import say, worded
from bot.conversation.talk import Talk

_LONGEST = 14  # a wish is short; what is longer speaks of something else as well

_TAIL = r"[啊呀吧呢嘛的了哦噢~！!。.，,\s]*"
_ON = re.compile(
    rf"/elder|(请|帮我|给我|我要|要|换成?|改成?|打开|开)?(长辈版|长辈模式|老年版|老人版|老年模式|关怀版|大字版?){_TAIL}"
    rf"|(这个?|屏幕上的?|你的)?字(体)?(太|有点|也太|实在太)?(小){_TAIL}(看不(清|见){_TAIL})?"
    rf"|(我)?(这)?(字)?(都)?看不(清楚?|见)(字|屏幕|手机){_TAIL}|看不清楚?{_TAIL}"
    rf"|我?(人老了|老了|岁数大了)?[，,]?(我)?(的)?(眼神|眼睛|老花眼?|眼)(不好|不行|不好使|花|花了|太花){_TAIL}"
)
_OFF = re.compile(
    rf"/elder\s+(off|关|关闭)|(请|换成?|改成?|改回|换回|回到|恢复)?(普通版|标准版|普通模式|标准模式){_TAIL}|(退出|关闭|关掉|不要)(长辈版|大字版?){_TAIL}"
)
_TROUBLE = re.compile(
    r"字(体)?(太|有点|实在)?小|看不清(楚)?(字|屏幕|手机|您?发的|你说的|这上面)|(眼神|眼睛|老眼)(不好|不行|不好使|花)|老花"
)


@dataclass(frozen=True)
class Wish:
    """What somebody wants of 长辈版."""

    on: bool


def wish(text: str) -> Wish | None:
    """字太小, 长辈版, /elder; 普通版. None for words about anything else, a lamp under which one cannot see among them."""
    bare = text.strip()
    if len(bare) > _LONGEST:
        return None
    if _OFF.fullmatch(bare):
        return Wish(on=False)
    return Wish(on=True) if _ON.fullmatch(bare) else None


def in_trouble(text: str) -> bool:
    """Whether somebody who speaks of something else says in passing that they can hardly read."""
    return bool(_TROUBLE.search(text))


class Wishes(BaseFilter):
    """A message that asks for 长辈版, or for the ordinary one again."""

    async def __call__(self, message: TelegramObject, talk: Talk) -> bool | dict[str, Wish]:
        """Hands the handler which."""
        assert isinstance(message, Message)
        if talk.dialogue.pending:  # "看不清" is then an answer, such as why there is no photo
            return False
        found = wish(message.text or message.caption or "")
        return {"wished": found} if found is not None else False


async def switch(talk: Talk, wished: Wish) -> None:
    """Kept with the person: every chat of theirs, from now on."""
    talk.act("elder")
    await talk.office.people.set_elder(talk.speaker.person_id, "on" if wished.on else "off")
    talk.restyled = wished.on
    with worded(short=wished.on):
        await talk.say("elder.on" if wished.on else "elder.off", asks=talk.dialogue.asked)


async def offered(talk: Talk, text: str) -> None:
    """Said once in a lifetime, beneath the answer: never guessed from anything but their own words."""
    if talk.speaker.elder or not in_trouble(text):
        return
    await talk.office.people.set_elder(talk.speaker.person_id, "offered")
    talk.beneath.append(say("elder.offer"))


async def others(talk: Talk) -> None:
    """其他: the next four."""
    rest = [[Option(text, data)] for text, data in talk.dialogue.rest]
    await talk.say("elder.others", rest, asks=talk.dialogue.rest_asks or "problem")
