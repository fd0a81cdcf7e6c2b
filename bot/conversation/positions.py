"""第二个催一下, 上面第一件解决了: a case meant by its place in the list that was shown last."""

import re
from datetime import datetime, timedelta

from bot.conversation import staff_words, words
from bot.conversation.resident import mine, secrecy
from bot.conversation.resident.message import photos
from bot.conversation.staff import acts, looking
from bot.conversation.talk import Talk

_WHILE = timedelta(hours=1)  # so long a list is what somebody may still be looking at
_HAN = "一二三四五六七八九十"
_POSITION = re.compile(
    r"(?:上面|上边|刚才|前面|你?列的)?(?:那|里|的|说的|边)*(?:第(?P<nth>[一二三四五六七八九十]|\d{1,2})|(?P<first>头一)|(?P<last>最后一))"
    r"(?:个|件|条|项|桩)(?P<thing>事儿?|诉求|案子)?(?!单元|楼|门|井|路|口|灯|电梯|垃圾|车|红绿|窗|房|月|星期|礼拜|人|孩|树|桶|坑|问题|原因|阀|泵|摄像)"
)
_URGES = re.compile(r"催|快点|快些|抓紧|加急|等不及|着急")
_SEPARATED = re.compile(r"^[，,、:： ]|^(的|那个|这个)")
_LONGEST = 40


def position(text: str) -> tuple[int, str] | None:
    """Which of a list is meant (from 0; -1: the last) and what is said of it; None where nothing is counted."""
    found = _POSITION.search(text)
    if found is None or len(text) > _LONGEST:
        return None
    before, after = text[: found.start()], text[found.end() :]
    if len(before) > 8:
        return None  # 我家楼下有三个井盖，第二个坏了
    number = found["nth"] or ""
    nth = (
        -1
        if found["last"]
        else 0
        if found["first"]
        else (int(number) if number.isdigit() else _HAN.find(number) + 1) - 1
    )
    return nth, f"{before}{after}".strip(" ，,、:：的")


async def answered(talk: Talk, text: str) -> bool:
    """A resident's word about one of the cases that they were shown. Not sure which: it is asked."""
    found = position(text)
    if found is None or talk.dialogue.draft is not None:
        return False
    nth, rest = found
    act = _act(talk, text, rest)
    if not act:
        return False
    views = await talk.office.cases.mine(talk.speaker.person_id)
    case_id = _of_list(talk, nth)
    meant = next((view for view in views if view.id == case_id), None)
    if meant is None:
        candidates = [view for view in views if view.open]
        if not candidates or not rest:
            return False
        talk.act(act)
        await mine.ask_which(talk, "progress" if act == "add" else act, rest, candidates)
        return True
    talk.act({"progress": "ask_progress", "not": "dissatisfied", "solved": "satisfied"}.get(act, act))
    if act == "add" and meant.open:
        await secrecy.add(talk, meant.id, rest, photos(talk))
        talk.touch(meant.id)
        await talk.say("added", number=meant.number, holder=meant.holder)
    else:
        await mine.do(talk, act, meant.id, rest)
    return True


def _act(talk: Talk, text: str, rest: str) -> str:
    """What is wanted of it; empty where the words rather tell of something new."""
    if _URGES.search(rest):
        return "urge"
    u = talk.alone
    act = mine.act_on(rest, u.intent if u is not None else "")
    if act == "add" or (act == "progress" and rest and not words.asks(rest)):
        found = _POSITION.search(text)
        told_of_it = found is not None and bool(found["thing"] or _SEPARATED.match(text[found.end() :]))
        return act if told_of_it else ""
    return act


async def of_the_desk(talk: Talk, text: str) -> bool:
    """A colleague's word about one of the cases of their desk, as it was listed: 第二个属实, 第一个转物业."""
    found = position(text)
    if found is None:
        return False
    nth, rest = found
    case_id = _of_list(talk, nth)
    desk = await talk.office.handling.on_my_desk(talk.speaker.person_id)
    view = next((one for one in desk if one.id == case_id), None)
    if view is None:
        return False
    word = staff_words.read(rest, view.status, view.rung) if rest else None
    if word is not None:
        await acts.do(talk, word.act, view.id, word.note)
    else:
        await looking.show(talk, view)
    return True


def _of_list(talk: Talk, nth: int) -> int | None:
    d = talk.dialogue
    if not d.listed_at or talk.now - datetime.fromisoformat(d.listed_at) > _WHILE:
        return None
    return d.listed[nth] if -1 <= nth < len(d.listed) and d.listed else None
