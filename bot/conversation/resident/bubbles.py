"""A report bubble by bubble: into the draft, or on to the case that was just opened, or a correction of it."""

from dataclasses import replace

from bot.conversation import words
from bot.conversation.dialogue import Draft, address_kept
from bot.conversation.resident import secrecy
from bot.conversation.resident.menus import choose_kind
from bot.conversation.resident.message import is_certain, kin, photos, same_place
from bot.conversation.resident.reports import begun, file_anyway, placed, proceed, where_each_is
from bot.conversation.talk import Talk
from nlu.understanding import REQUEST_INTENTS, Understanding
from workflows.case_file import CaseNotFound, CaseView
from workflows.policy.lifecycle import NotPossible, Status
from workflows.policy.places import Address

_SHORT = 8


# ---- into the draft


async def report(talk: Talk, text: str, u: Understanding) -> None:
    """A request, or a fragment of one: into the draft, then as far as it goes."""
    found, second = where_each_is(talk, text, u)
    found = await _with_context(talk, text, found)
    if words.only_place(text, found.estate, found.place) and found.known_to_resident:
        u = replace(u, intent="place", ranking=(), also=())  # 园林小区的: a name, whatever it sounds like
    read = u
    draft = talk.dialogue.draft
    if draft is not None and talk.joined is not None and draft.texts:
        if _another_matter(talk, draft, text, u):
            await file_anyway(talk)  # a second matter before the first was complete: neither is lost
        elif u.intent != "place":
            read = max((talk.joined, u), key=lambda x: x.confidence if x.intent in REQUEST_INTENTS else 0.0)
    draft = begun(talk)
    draft.texts.append(text)
    draft.photos += photos(talk)
    _understand(draft, read)
    draft.also = list(dict.fromkeys([*draft.also, *u.also]))
    placed(talk, draft, found)
    if second is not None:
        draft.second_address = address_kept(second)
    _behalf(draft, text)
    talk.act(read.intent)
    await proceed(talk)


async def _with_context(talk: Talk, text: str, found: Address) -> Address:
    """ "我们小区南门": the estate is the one that was just spoken of."""
    if found.estate or found.routable or not talk.in_recent() or not words.our_estate(text):
        return found
    try:
        before = await talk.office.cases.address(talk.speaker.person_id, talk.dialogue.recent or 0)
    except LookupError:
        return found
    if not before.estate:
        return found
    entrance = replace(before, room="", place="") if words.our_entrance(text) else before.of_estate()
    return talk.directory.refine(entrance, found)


def _another_matter(talk: Talk, draft: Draft, text: str, u: Understanding) -> bool:
    return (
        u.intent in REQUEST_INTENTS
        and is_certain(talk, u)
        and draft.category != ""
        and (not kin(u.intent, draft.category) or _elsewhere(draft, talk.locate(text, u)))
        and (len(text) > _SHORT or u.confidence >= 0.8)
    )


def _elsewhere(draft: Draft, found: Address) -> bool:
    """Whether the words name another house than the unfinished report does."""
    where = draft.where
    return (found.estate != "" and where.estate not in ("", found.estate)) or (
        found.building != "" and where.building not in ("", found.building)
    )


def _understand(draft: Draft, read: Understanding) -> None:
    if read.intent in REQUEST_INTENTS and (not draft.category or read.confidence > draft.confidence):
        draft.category, draft.confidence = read.intent, read.confidence
    draft.understood = draft.understood or read.intent
    draft.ranking = [[label, score] for label, score in read.ranking if label in REQUEST_INTENTS][:5]


def _behalf(draft: Draft, text: str) -> None:
    """Reporting for somebody else: a building head or a child for an elderly neighbour."""
    name = words.on_behalf(text)
    if name:
        draft.on_behalf_of, draft.consent = name, words.consents(text)


async def photo_alone(talk: Talk) -> None:
    """A photo without words: to the report it follows, or the beginning of a new one."""
    d = talk.dialogue
    talk.act("photo")
    if d.draft is not None:
        d.draft.photos += photos(talk)
        await talk.say("listening", asks=d.asked or "problem")
        return
    open_cases = [v for v in await talk.office.cases.mine(talk.speaker.person_id) if v.open]
    waiting = [v for v in open_cases if v.status is Status.WAITING_FOR_RESIDENT]
    target = d.recent if talk.in_recent() else (waiting[0].id if len(waiting) == 1 else None)
    if target is not None and any(v.id == target for v in open_cases):
        view = await talk.office.cases.add(talk.speaker.person_id, target, "", photos(talk))
        talk.touch(view.id)
        await talk.say("added.photo", number=view.number, holder=view.holder)
        return
    begun(talk).photos += photos(talk)
    await talk.say("ask.photo", asks="problem")


async def keep_photo(talk: Talk) -> None:
    """A photo that came beside words which took their own way: into the report or the case they were about."""
    kept = photos(talk)
    if not kept:
        return
    d = talk.dialogue
    if d.draft is not None:
        d.draft.photos += kept
    elif talk.in_recent():
        try:
            await talk.office.cases.add(talk.speaker.person_id, d.recent or 0, "", kept)
        except (CaseNotFound, NotPossible):
            begun(talk).photos += kept
    else:
        begun(talk).photos += kept


# ---- on to the case that was just opened


async def continues(talk: Talk, text: str, u: Understanding, *, request: bool) -> bool:
    """A bubble soon after a case was opened: more of it, a correction of it, or (False) something else."""
    me = talk.speaker.person_id
    case_id = talk.dialogue.recent
    assert case_id is not None
    try:
        view = await talk.office.cases.look(me, case_id)
    except LookupError:
        return False
    if not view.open or ((words.abusive(text) or words.asks_progress(text)) and not request):
        return False
    found = talk.locate(text, u)
    if words.correction(text) and await _corrects(talk, view, text, u, found, request=request):
        return True
    if _something_else(talk, view, text, u, found, request=request):
        return False
    elsewhere = not same_place(view, found)
    if elsewhere and found.known_to_resident and not words.asks(text) and (not request or len(text) <= 12):
        await relocate(talk, view, found)
        return True
    if elsewhere and found.building and request:
        return False
    talk.act(u.intent if request else "add")
    view = await secrecy.add(talk, view.id, text, photos(talk))
    talk.touch(view.id)
    await talk.say("added", number=view.number, holder=view.holder)
    return True


async def _corrects(talk: Talk, view: CaseView, text: str, u: Understanding, found: Address, *, request: bool) -> bool:
    """不是3号楼是5号楼; 说错了，是路灯不亮. False when the words do not say what it should be."""
    if found.known_to_resident:
        await relocate(talk, view, found)
        return True
    if request and u.intent != view.category:
        talk.act(u.intent)
        await secrecy.add(talk, view.id, text, photos(talk))
        await choose_kind(talk, u.intent, view.id)
        return True
    return False


def _something_else(talk: Talk, view: CaseView, text: str, u: Understanding, found: Address, *, request: bool) -> bool:
    """Whether the line is no more of this case: another matter, another building's, or a word with its own answer."""
    certain = is_certain(talk, u)
    if u.intent in ("urge", "dissatisfied") and u.confidence >= 0.8:
        return True
    if request:
        another = certain and not kin(u.intent, view.category) and len(text) >= 5
        return another or (found.building != "" and words.more(text))  # 6号楼也是: another building is another case
    if u.intent == "out_of_scope":
        return u.confidence >= 0.75 and not found.known_to_resident
    return certain and u.intent not in ("dissatisfied", "urge", "other_request")


async def relocate(talk: Talk, view: CaseView, found: Address) -> None:
    """The place of a case is put right."""
    talk.act("place")
    old = await talk.office.cases.address(talk.speaker.person_id, view.id)
    address = talk.directory.refine(old, found)
    view = await talk.office.cases.relocate(talk.speaker.person_id, view.id, address)
    talk.touch(view.id)
    await talk.say("moved", place=view.place, holder=view.holder, number=view.number)
