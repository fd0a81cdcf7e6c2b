"""狗是5号楼3单元的, 打麻将那个还没人管: a line that names the thing of one of their open cases is about that case."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from bot.conversation import words
from bot.conversation.resident import mine, secrecy
from bot.conversation.resident.bubbles import relocate
from bot.conversation.resident.message import is_certain, kin, photos, same_place
from bot.conversation.talk import Talk
from nlu.understanding import REQUEST_INTENTS
from workflows.case_file import CaseView
from workflows.policy.lifecycle import Status

_LONGEST = 24
_LIKELY = 0.15
_NAMED = re.compile(
    r"^(?:催一?下|关于|那个|那家|我说的|我报的|刚才)*(?P<thing>[一-鿿]{1,8}?)"
    r"(?:的是|(?:的|那|这)(?:个事|件事?|个|家|事儿?)|的(?:催|快|还|不用|撤)|在(?=[\d一二三四五六七八九])|是(?=[\d一二三四五六七八九]))"
)
# What names no thing: who, when, and where.
_NO_THING = re.compile(
    r"物业|社区|网格员?|书记|你们?|我们?|他们?|她|咱们?|俺们?|邻居|家里?|老人|孩子|小区|问题|情况|事情?|现在|今天|昨天|"
    r"晚上|白天|上面|上次|刚才|前面|第|单元|号楼|楼[上下道前后里]|门口|院里?|[这那哪的是在有还都也又个件不没]"
)
_URGES = re.compile(r"催|快点|快些|抓紧|加急|等不及|着急")
_ASIDES = frozenset({"property_service", "other_request"})


async def answered(talk: Talk, text: str) -> bool:
    """Take a line about an older case of theirs, by the thing that it names."""
    thing = named_thing(text)
    if not thing or talk.dialogue.draft is not None or talk.dialogue.asked == "case":
        return False
    views = [view for view in await talk.office.cases.mine(talk.speaker.person_id) if view.open]
    view = _of_thing(talk, thing, views)
    if view is None or (talk.in_recent() and view.id == talk.dialogue.recent):
        return False
    if view.status is Status.WAITING_FOR_RESIDENT:
        return False  # what was asked of them: taken as the answer to that
    found = talk.locate(text, talk.alone)
    if found.known_to_resident and not same_place(view, found):
        if words.asks(text) or not _only_place(text, found.estate, found.place):
            return False  # 狗那家又在3号楼咬人了: told of elsewhere, it may be a case of its own
        await relocate(talk, view, found)
        return True
    await _said_of(talk, text, view)
    return True


def named_thing(text: str) -> str:
    """What a short line is about, where it names that first: 狗 of 狗的事先不管了. Empty where it announces more."""
    found = _NAMED.match(text.strip()) if len(text) <= _LONGEST and not words.more(text) else None
    return _NO_THING.sub("", found["thing"]) if found is not None else ""


def _only_place(text: str, *names: str) -> bool:
    """养狗的是2号楼4单元的: nothing but where it is."""
    found = _NAMED.match(text.strip())
    return found is not None and words.only_place(text.strip()[found.end() :], *names)


def _of_thing(talk: Talk, thing: str, views: Sequence[CaseView]) -> CaseView | None:
    """The one case whose words have the thing. One character (狗) is not enough without the reader's consent."""
    shared = {view.id: _shared(thing, view) for view in views}
    best = max(shared.values(), default=0)
    alike = [view for view in views if best and shared[view.id] == best]
    if len(alike) != 1 or (best == 1 and not _likely(talk, alike[0])) or _is_another_kind(talk, alike[0]):
        return None
    return alike[0]


def _shared(thing: str, view: CaseView) -> int:
    told = f"{view.text}\n{view.own_words}\n{view.category_name}"
    return SequenceMatcher(None, thing, told, autojunk=False).find_longest_match().size


def _likely(talk: Talk, view: CaseView) -> bool:
    u = talk.alone
    return u is not None and any(
        kin(label, view.category) for label, score in u.ranking[:3] if score >= _LIKELY and label in REQUEST_INTENTS
    )


def _is_another_kind(talk: Talk, view: CaseView) -> bool:
    """Whether the reader is sure that another kind of matter is told."""
    u = talk.alone
    request = u is not None and u.intent in REQUEST_INTENTS - _ASIDES and is_certain(talk, u)
    return request and u is not None and not kin(u.intent, view.category)


async def _said_of(talk: Talk, text: str, view: CaseView) -> None:
    u = talk.alone
    act = "urge" if _URGES.search(text) else mine.act_on(text, u.intent if u is not None else "")
    talk.act({"progress": "ask_progress", "not": "dissatisfied", "solved": "satisfied"}.get(act, act))
    if act != "add":
        await mine.do(talk, act, view.id, text)
        return
    view = await secrecy.add(talk, view.id, text, photos(talk))
    talk.touch(view.id)
    await talk.say("added", number=view.number, holder=view.holder)
