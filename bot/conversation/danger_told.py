"""What a message that cries danger tells: where it is, in whose words, and what else it reports."""

import re
from dataclasses import replace

from bot.conversation import words
from bot.conversation.dialogue import address_from
from bot.conversation.talk import Talk
from bot.matters import ASIDES, ReadPassage, apart_from, in_danger
from nlu.passages import sentences
from nlu.safety import check, tells_of_a_fall
from nlu.understanding import REQUEST_INTENTS, Understanding
from workflows.policy.places import Address

# What the words that follow an alarm may be about, without being a new matter.
OF_DANGER = {
    "fire": frozenset({"fire_safety", "electric_hazard", "flying_wire", "power_supply", "pollution"}),
    "gas": frozenset({"gas"}),
    "scald": frozenset({"heating", "water_supply", "leak_repair"}),
    "live_water": frozenset({"electric_hazard", "leak_repair", "water_supply", "power_supply"}),
    "co": frozenset({"gas", "heating"}),
    "shock": frozenset({"electric_hazard", "power_supply", "flying_wire"}),
    "lift": frozenset({"elevator"}),
    "collapse": frozenset({"falling_objects", "leak_repair", "construction", "illegal_building"}),
    "fall": frozenset({"manhole", "road_damage", "construction"}),
}
QUOTED = 600  # letters of a message that those on duty read; nobody in danger writes more than that
_OF_A_BODY = frozenset({"medical", "choking", "birth"})  # which brings no broken thing with it: it may have come of one
_SURE = 0.7
_ANY_MATTER = 0.4
_GROUND = "road_damage"
_OUT_OF_DOORS = re.compile(r"[东西南北正侧大]门|广场|车库|地库|停车|花园|车棚|凉亭|河|路|街|桥|健身|小区")


def crying(talk: Talk) -> list[ReadPassage]:
    """The passages of this message that cry danger."""
    return in_danger(talk.passages, talk.settings.nlu.ear)


def other_matters(talk: Talk, kind: str) -> list[ReadPassage]:
    """Passages that are set apart from the danger by a number, by 另外 or by another house, and that it does not bring.

    Beside somebody's body in danger a broken thing is a matter without that: what they fell over must be mended.
    """
    cries = crying(talk)
    if not cries and kind not in _OF_A_BODY:
        return []
    return [one for one in talk.passages if one not in cries and _surely_another(one, cries, kind)]


def _surely_another(one: ReadPassage, cries: list[ReadPassage], kind: str) -> bool:
    if one.u.confidence < _SURE or one.u.intent in OF_DANGER.get(kind, frozenset()):
        return False
    if kind in _OF_A_BODY and one.u.intent in REQUEST_INTENTS - ASIDES:
        return True
    return all(apart_from(one, danger) for danger in cries)


def as_what_they_fell_over(u: Understanding, text: str) -> Understanding:
    """ "昨天我妈被绊倒了 你们修修吧": where the reader has no matter of its own, the ground is what is to be mended."""
    if not tells_of_a_fall(text) or (u.intent in REQUEST_INTENTS and u.confidence >= _ANY_MATTER):
        return u
    rest = tuple(one for one in u.ranking if one[0] != _GROUND)
    return replace(u, intent=_GROUND, confidence=_SURE, ranking=((_GROUND, _SURE), *rest))


def _elsewhere(talk: Talk) -> bool:
    """Whether some passage is set apart from every cry, so that its place is its own."""
    cries = crying(talk)
    rest = [one for one in talk.passages if one not in cries]
    return bool(cries) and any(all(apart_from(one, cry) for cry in cries) for one in rest)


def quoted(text: str) -> str:
    """The whole message, for those on duty: what looks like an aside may be the door. Only of a very long one a part."""
    if len(text) <= QUOTED:
        return text
    cry = next((one for one in sentences(text) if check(one) is not None), "")
    middle = text.find(cry)
    begin = max(0, min(middle - QUOTED // 2, len(text) - QUOTED))
    before, after = "…" if begin else "", "…" if begin + QUOTED < len(text) else ""
    return f"{before}{text[begin : begin + QUOTED - 2]}{after}"


def named(talk: Talk, text: str, kind: str) -> Address:
    """The place that the message names for its danger: all of it counts but the place of another matter."""
    whole = talk.locate(text, talk.alone)
    others = [] if kind in _OF_A_BODY and not _elsewhere(talk) else other_matters(talk, kind)
    if not others:
        return whole
    found = _beside(talk, others)
    if not found.building and not any(one.passage.listed for one in others):
        first = talk.passages.index(crying(talk)[0])
        found = _beside(talk, list(talk.passages[first + 1 :]), only=others)  # a house told before the cry is its house
    return talk.directory.refine(whole.of_estate(), found)


def _beside(talk: Talk, left_out: list[ReadPassage], only: list[ReadPassage] | None = None) -> Address:
    out = left_out if only is None else [one for one in left_out if one in only]
    return talk.locate("，".join(one.text for one in talk.passages if one not in out), talk.alone)


def so_far(talk: Talk, found: Address, text: str) -> tuple[Address, bool]:
    """What was said of the place up to now, and whether these words put the danger there.

    "不是101 是102" and a house that was not told before do. Another house without a correction may be a second one:
    the first stays.
    """
    said = address_from(talk.dialogue.alarm_where)
    if not found.known_to_resident:
        return said, False
    if not said.known_to_resident or words.correction(text):
        return talk.directory.refine(said, found), True
    return talk.directory.refine(said, found), not _another_door(said, found)


def _another_door(said: Address, found: Address) -> bool:
    parts = ("estate", "building", "unit", "room")
    told = [(getattr(said, part), getattr(found, part)) for part in parts]
    return any(old and new and old != new for old, new in told)


def reachable(talk: Talk, where: Address) -> Address:
    """The place with the caller's home where nothing was said of it; of the home only what the words leave open."""
    home = talk.speaker.home
    if where.routable or not home.routable:
        return where
    if where.maybe and home.estate in where.maybe:
        where = replace(where, maybe=())
    if where.estate or where.maybe:  # somewhere else, by its own name: but somebody must be told
        return replace(where, grid_id=home.grid_id, community_id=home.community_id)
    if where.building or _OUT_OF_DOORS.search(where.place):
        home = home.of_estate()
    elif where.unit:
        home = replace(home, unit="", room="")
    return talk.directory.refine(home, where)
