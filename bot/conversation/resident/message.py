"""What a message is: a request or not, with a photo or none, and the kind, the place and the case it speaks of."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from bot.conversation.talk import Talk
from nlu.understanding import REQUEST_INTENTS, Understanding
from workflows.case_file import CaseView
from workflows.policy import duplicates
from workflows.policy.places import Address


def is_request(talk: Talk, u: Understanding) -> bool:
    """Whether somebody wants something done."""
    if u.intent in REQUEST_INTENTS:
        return u.confidence >= talk.settings.nlu.ask_above or weight(u) >= 0.5
    return u.confidence < 0.5 and weight(u) > 0.55


def is_certain(talk: Talk, u: Understanding) -> bool:
    """Whether the reader is sure enough for us to act without asking."""
    return u.confidence >= talk.settings.nlu.act_above


def weight(u: Understanding) -> float:
    """How much of the reader's belief lies on requests of any kind."""
    return sum(score for label, score in u.ranking if label in REQUEST_INTENTS) if u.ranking else 0.0


def photos(talk: Talk) -> list[str]:
    """The photo or the recording that came with the words, if one did and nothing has taken it yet."""
    if talk.photo_used:
        return []
    talk.photo_used = True
    return [one for one in (talk.photo, talk.voice) if one]


def at_home(talk: Talk, where: Address) -> Address:
    """ "5号楼1单元" from somebody whose own estate has a building 5: theirs is meant. The answer says so."""
    home = talk.speaker.home
    if where.estate or where.maybe or home.estate_id is None:
        return where
    if where.unit and not where.building and talk.dialogue.home_offered:  # "2单元门口", to "是在您家这儿吗"
        return talk.directory.refine(replace(home, unit="", room=""), where)
    if not where.building:
        return where
    if talk.directory.building(home.estate_id, where.building) is None:
        return where
    return talk.directory.refine(home.of_estate(), where)


def kin(a: str, b: str) -> bool:
    """Whether two kinds come to the same thing."""
    return a == b or frozenset((a, b)) in duplicates.ALIKE


def same_place(view: CaseView, found: Address) -> bool:
    """Whether a place that was named is the case's, as far as it was named."""
    return bool(found.sentence()) and all(
        part in view.place for part in (found.estate, found.building, found.unit, found.room, found.place) if part
    )


def same_thing(talk: Talk, text: str, view: CaseView) -> bool:
    """Whether a line about a result or a relapse speaks of this case: its kind, and no other place."""
    u = talk.alone
    if u is None:
        return False
    found = talk.locate(text, u)
    if found.building and not same_place(view, replace(found, place="", room="")):
        return False
    likely = [label for label, score in u.ranking[:3] if score >= 0.15 and label in REQUEST_INTENTS]
    return any(kin(label, view.category) for label in likely)


def meant(talk: Talk, text: str, views: Sequence[CaseView]) -> CaseView | None:
    """The one case that these words point at: its number, its place, its kind; None when more than one could be."""
    if len(views) == 1:
        return views[0]
    if not text or not views:
        return None
    for view in views:
        if view.number in text.upper() or view.number.rsplit("-", 1)[-1] == text.strip():
            return view
    scores = _scores(talk, text, views)
    best = sorted(scores, reverse=True)
    if best[0] >= 0.7 and best[0] - best[1] >= 0.3:
        return views[scores.index(best[0])]
    return None


def _scores(talk: Talk, text: str, views: Sequence[CaseView]) -> list[float]:
    """How well the words fit each case: by kind, by place, and by the longest run of its own words."""
    u = talk.alone
    ranking = dict(u.ranking) if u is not None else {}
    found = talk.locate(text, u)
    scores = []
    for view in views:
        told = view.text + view.category_name
        shared = SequenceMatcher(None, text, told, autojunk=False).find_longest_match().size
        at_its_place = 0.5 if same_place(view, found) else 0.0
        scores.append(2.0 * ranking.get(view.category, 0.0) + at_its_place + 1.5 * shared / 4)
    return scores
