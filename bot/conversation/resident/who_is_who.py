"""社区电话多少, 网格员是谁, 我们归哪个社区: who answers for a place, from the directory; no matter of its own."""

import re

from bot.conversation import words
from bot.conversation.phrases import say
from bot.conversation.talk import Talk
from workflows.directory import GridCard
from workflows.policy.permissions import Role
from workflows.policy.places import Address

_LONGEST = 22
_ASKS = re.compile(
    r"(社区|居委会|村委会|网格员?|书记|物业)的?(办公室|地址|电话)?(在哪(儿|里)?(办公|上班)?|地址|电话(是)?(多少|几|号码)?|号码(是多少)?|"
    r"几点(上|下|开|关)[班门]?|是(谁|哪位|哪个|哪一?家)|叫(什么|啥)(名字)?|怎么联系|联系方式)$"
    r"|(归|属于|是)(哪个|什么|哪一?家)(社区|网格|物业|村)(管|的)?$"
)
_COMPLAINS = re.compile(r"不|没|乱|态度|投诉|举报|骂|打了|坏")


async def answered(talk: Talk, text: str) -> bool:
    """Say who it is and how they are reached. False when the words ask for nothing of the kind, or complain."""
    if not asks(text):
        return False
    talk.act("help")
    where = await _where(talk, text)
    if where.community_id is None:
        await talk.say("who.where", asks=talk.dialogue.asked)
        return True
    community = talk.directory.community(where.community_id)
    lines = [say("who.community", name=community.name, phone=_rung(community.phone))]
    if where.grid_id is not None:
        lines.append(await _grid(talk, talk.directory.grid(where.grid_id)))
    company = talk.directory.property_of(where.estate_id) if where.estate_id is not None else None
    if company is not None:
        unit = talk.directory.unit(company)
        lines.append(say("who.property", name=unit.name, phone=_rung(unit.phone)))
    lines.append(say("who.person"))
    await talk.answer("\n".join(lines), asks=talk.dialogue.asked)
    return True


def asks(text: str) -> bool:
    """Whether a line asks for nothing but who or where they are, and how they are reached."""
    bare = text.strip(" ？?。！!呢啊呀吗")
    asked = len(bare) <= _LONGEST and bool(_ASKS.search(bare))
    return asked and not _COMPLAINS.search(bare) and not words.complains(bare)


async def _where(talk: Talk, text: str) -> Address:
    """The place that is asked about: named, or of the report in hand, or where they live, or of what they last reported."""
    draft, me = talk.dialogue.draft, talk.speaker
    named = [talk.locate(text, talk.alone), draft.where if draft is not None else Address(), me.home]
    for place in named:
        if place.community_id is not None:
            return place
    reported = await talk.office.cases.mine(me.person_id)
    return await talk.office.cases.address(me.person_id, reported[0].id) if reported else Address()


async def _grid(talk: Talk, grid: GridCard) -> str:
    there = await talk.office.people.holders(Role.GRID_WORKER, grid_id=grid.id)
    names = [(await talk.office.people.person(one.person_id)).name for one in there]
    return say("who.grid", grid=grid.name, names=f"，网格员{'、'.join(names)}" if names else "")


def _rung(phone: str) -> str:
    return f"，电话{phone}" if phone else ""
