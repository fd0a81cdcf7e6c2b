"""Which matters one message tells of: read passage by passage, and weighed against the message as a whole."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from nlu.danger import Ear, Heard
from nlu.passages import ANNOUNCES, MOST, Passage, listed, passages, sentences
from nlu.safety import check
from nlu.understanding import REQUEST_INTENTS, Understander, Understanding
from workflows.policy.duplicates import ALIKE

# How sure the reader must be of a passage by itself, by what sets the passage apart from the others.
_ANNOUNCED, _PLACED, _SECONDED, _BARE = 0.5, 0.75, 0.6, 0.95
_SHORTEST_BARE = 5
_STORY = 120  # letters
_MOST_OF_A_STORY, _MOST_PROPOSED = 24, 3
_OF_A_STORY = 0.9
_DOUBTFUL = 0.7  # the whole is read less surely than this: it may hold more than one thing
# "物业也不管" beside a matter is an aside (code book 13), however it is announced.
_ASIDE = re.compile(
    r"(物业|社区|网格员?|居委会|村里|村委会|他们|12345).{0,8}(不管|没人|不理|不来|不接|没来|推|拖|敷衍|说了|打了|找了|催|没用|不知道)"
)
ASIDES = frozenset({"property_service", "other_request"})
_HOUSE = re.compile(r"(\d{1,3}|[一二三四五六七八九十]{1,3})\s*(?:号楼|栋|幢|座|#|单元|[-—]\d)")
_BUILDING = re.compile(_HOUSE.pattern.replace("|单元", ""))
_UNIT = re.compile(r"(\d{1,3}|[一二三四五六七八九十]{1,3})\s*单元")
_SPOT = re.compile(
    r"[东西南北][门头边侧口面]|楼[上下道顶前后梯]|门口|单元|地下|车库|车棚|广场|花园|河边|路口|村口|村[东西南北]头|对门|隔壁|阳台|厨房|"
    r"卫生间|厕所|客厅|[家屋院]里|大门|后院|顶楼|\d楼|[一二三四五六七八九]楼|中间|健身|游乐|马路|小区"
)
_COMPASS = re.compile(r"[东西南北](?=[门头边侧口面])")
_NEAR_THE_BEGINNING = 9


@dataclass(frozen=True)
class ReadPassage:
    """A passage and what the reader makes of it alone."""

    passage: Passage
    u: Understanding

    @property
    def text(self) -> str:
        """Its words."""
        return self.passage.text


@dataclass
class Matter:
    """One matter of a message. Not `sure`: it may be a consequence of the matter before it, whose words keep it too."""

    u: Understanding
    texts: list[str] = field(default_factory=list)
    sure: bool = True
    listed: bool = False

    @property
    def text(self) -> str:
        """Its words, with what was said of it."""
        return "，".join(self.texts)


async def read_passages(reader: Understander, text: str, whole: Understanding) -> tuple[ReadPassage, ...]:
    """Read a message passage by passage where it may hold several matters; empty where it does not look like it.

    Raises:
        NluUnavailable: as the reader.
    """
    cut = passages(text)
    if is_story(text, whole):
        cut = [Passage(one, begins_sentence=True) for one in sentences(text)][:_MOST_OF_A_STORY]
    elif len(cut) < 2 or len(cut) > MOST or not _may_be_several(text, cut, whole):
        return ()
    return tuple([ReadPassage(one, await reader.understand(one.text)) for one in cut])


def is_story(text: str, whole: Understanding) -> bool:
    """Whether a text is so long and so unclear as a whole that its matter is looked for sentence by sentence."""
    sure = whole.intent in REQUEST_INTENTS and whole.confidence >= _DOUBTFUL
    return len(text) >= _STORY and not sure and not listed(text)[1]


def of_a_story(read: Sequence[ReadPassage]) -> list[Matter]:
    """What the sentences of a story complain of, surest first, one of each kind; three at most."""
    best: dict[str, ReadPassage] = {}
    for one in read:
        if one.u.intent not in REQUEST_INTENTS - ASIDES or one.u.confidence < _OF_A_STORY:
            continue
        if one.u.intent not in best or best[one.u.intent].u.confidence < one.u.confidence:
            best[one.u.intent] = one
    surest = sorted(best.values(), key=lambda one: -one.u.confidence)[:_MOST_PROPOSED]
    return [Matter(one.u, [one.text], sure=False) for one in surest]


def _may_be_several(text: str, cut: Sequence[Passage], whole: Understanding) -> bool:
    """Whether reading the passages is worth their cost: most messages tell of one thing in two clauses."""
    apart = sum(one.listed or one.announced or bool(_spot(one.text)) for one in cut)
    if any(one.listed or one.announced for one in cut) or check(text) is not None:
        return True
    return len(cut) > 2 and (bool(whole.also) or apart > 1 or whole.confidence < _DOUBTFUL)


def matters(read: Sequence[ReadPassage], whole: Understanding) -> list[Matter]:
    """The matters that the passages tell of, in their order; one at most where nothing sets them apart."""
    found: list[Matter] = []
    lead: list[str] = []
    for one in read:
        strength = _strength(one, found, whole)
        if strength is None:
            (found[-1].texts if found else lead).append(one.text)
        else:
            if not strength:
                found[-1].texts.append(one.text)  # not sure: its words stay with the matter that it may belong to
            texts = [*lead, one.text] if not found else [one.text]
            found.append(Matter(one.u, texts, sure=strength, listed=one.passage.listed))
            lead = []
    return found


def several(read: Sequence[ReadPassage], whole: Understanding) -> list[Matter]:
    """The matters of a message that holds more of them than the reader has told of the whole; else none.

    Of two, the second must be set apart by more than a spot: "楼下饭店冒烟，屋里全是味" is one matter.
    """
    found = matters(read, whole)
    sure = [one for one in found if one.sure]
    if len(sure) < 2 or (len(found) == 2 and whole.also and not found[0].listed):
        return []
    two_apart = found[0].listed or ANNOUNCES.match(sure[1].texts[0]) or _at_another_house(sure[1].text, sure[0].text)
    return found if len(found) > 2 or two_apart else []


def in_danger(read: Sequence[ReadPassage], ear: Ear) -> list[ReadPassage]:
    """The passages that cry danger: an item of a list as a message would, a clause only by net and reader together."""
    return [one for one in read if ear.hear(one.text, one.u).now and (one.passage.listed or _cries(one.text))]


def _cries(clause: str) -> bool:
    """A bare 救命 between commas says nothing of what is wrong: the whole message must."""
    danger = check(clause)
    return danger is not None and danger.kind != "help"


def loudest(read: Sequence[ReadPassage], ear: Ear) -> Heard | None:
    """What is heard in the passages that cry danger; the first of those whose kind the net knows."""
    heard = [ear.hear(one.text, one.u) for one in in_danger(read, ear)]
    return next((one for one in heard if one.danger is not None), heard[0] if heard else None)


def _strength(one: ReadPassage, before: Sequence[Matter], whole: Understanding) -> bool | None:
    """Whether a passage surely begins a matter; False: perhaps; None: it belongs to the one before."""
    u, apart = one.u, one.passage.listed or one.passage.announced
    if u.intent not in REQUEST_INTENTS or _ASIDE.search(one.text) or (u.intent in ASIDES and not apart):
        return None
    if not before:
        return True if u.confidence >= _ANNOUNCED else None
    differs = _differs(one, before)
    if differs is None:
        return None
    letters = sum(char.isalnum() for char in one.text)
    if apart:
        told = u.confidence >= _ANNOUNCED and letters > _SHORTEST_BARE
        return True if told or one.passage.listed else None
    placed = bool(_spot(one.text)) and u.confidence >= _PLACED
    if differs and (placed or (u.intent in (whole.intent, *whole.also) and u.confidence >= _SECONDED)):
        return True
    doubtful = bool(whole.also) or whole.confidence < _DOUBTFUL or one.passage.begins_sentence
    return False if doubtful and letters >= _SHORTEST_BARE and u.confidence >= _BARE else None


def apart_from(one: ReadPassage, other: ReadPassage) -> bool:
    """Whether a passage asks for something and is set apart from another by a number, by 另外, or by another house."""
    request = one.u.intent in REQUEST_INTENTS - ASIDES
    told = one.passage.listed or one.passage.announced or _at_another_house(one.text, other.text)
    return request and (told or other.passage.announced)


def _differs(one: ReadPassage, before: Sequence[Matter]) -> bool | None:
    """Whether it is about another thing than every matter before it, or about such a thing elsewhere.

    False: perhaps, by kind or by spot alone. None: it is more of one of them.
    """
    return min((_differs_from(one, matter) for matter in before), key=(None, False, True).index)


def _differs_from(one: ReadPassage, matter: Matter) -> bool | None:
    same, kin = matter.u.intent == one.u.intent, frozenset((matter.u.intent, one.u.intent)) in ALIKE
    if not (same or kin) or one.passage.listed or _at_another_house(one.text, matter.text):
        return True
    apart = one.passage.announced or _elsewhere(one.text, matter.text)
    if kin:
        return apart
    return False if apart and _spot(one.text) else None


def _at_another_house(text: str, other: str) -> bool:
    """Whether both name a house, or a side of the estate, and not the same. 2单元 may well be in 4号楼."""
    houses = _both(_BUILDING, text, other) or _both(_UNIT, text, other)
    return any(not here & there for here, there in (*houses, *_both(_COMPASS, text, other)))


def _both(named: re.Pattern[str], text: str, other: str) -> list[tuple[set[str], set[str]]]:
    """What the two texts name, where both name such a thing."""
    here, there = set(named.findall(text)), set(named.findall(other))
    return [(here, there)] if here and there else []


def _elsewhere(text: str, other: str) -> bool:
    return bool(_spot(text)) and bool(_spot(other)) and _spot(text) != _spot(other)


def _spot(text: str) -> str:
    """The place that a passage begins with."""
    found = _HOUSE.search(text[:_NEAR_THE_BEGINNING]) or _SPOT.search(text[:_NEAR_THE_BEGINNING])
    return found[0] if found else ""
