"""The resident's errand: listen, open, join, correct, tell progress, take the verdict."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from bot.conversation import cards, words
from bot.conversation.buttons import CaseDo, Kind, KindMenu, Option, Rows, Same, Where, Which, option
from bot.conversation.dialogue import Draft, address_kept
from bot.conversation.phrases import say
from bot.conversation.talk import Talk
from nlu.understanding import REQUEST_INTENTS, Understanding, is_foreign, script_of
from workflows.case_file import CaseView
from workflows.cases import Likeness, NewReport
from workflows.policy import duplicates
from workflows.policy.lifecycle import NotPossible, Status
from workflows.policy.permissions import Role
from workflows.policy.places import Address

MENU_PAGE = 12
# What a resident means when they reach for the menu, commonest first.
MENU = (
    "heating", "water_supply", "power_supply", "leak_repair", "sewage", "elevator", "street_light", "garbage",
    "pest_control", "noise", "parking", "flying_wire", "road_damage", "manhole", "greening", "stray_animals",
    "fire_safety", "electric_hazard", "falling_objects", "public_facility", "construction", "illegal_building",
    "pollution", "gas", "public_security", "traffic", "neighbor_dispute", "property_service", "employment", "training",
    "land", "health_service", "social_aid", "other_request",
)  # fmt: skip
_SHORT = 8
# "物业也不管" beside a real matter is an aside (code book 13), never a second case of its own.
_ASIDES = frozenset({"property_service", "other_request"})


# ---- the one entry


async def hear(talk: Talk, text: str) -> None:
    """A resident's message: what does it answer, what does it begin?"""
    if talk.photo_refused:
        limit = talk.settings.channels.web.photo_limit_mb
        await talk.say(talk.photo_refused, limit=limit)
        if not text.strip():
            return  # words beside it are read all the same
    if not text.strip():
        await (photo_alone(talk) if talk.photo else talk.say("empty", asks="problem"))
        return
    if is_foreign(text) and len([c for c in text if c.isalpha()]) > 3:
        await foreign(talk, text)
        return
    for step in _STEPS:
        if await step(talk, text):
            return
    if script_of(text) == "none" and talk.alone is not None and not talk.alone.entities:
        talk.act("out_of_scope")
        await talk.say("no.words", asks="" if talk.in_recent() else "problem")
        return
    if talk.alone is None:
        await unread(talk, text)
        return
    await _understood(talk, text, talk.alone)


async def _understood(talk: Talk, text: str, u: Understanding) -> None:
    request = _is_request(talk, u)
    if request and words.only_place(text, *_named(talk, text, u)):
        request = False
        u = replace(u, intent="place", confidence=0.0, ranking=(), also=())
    if talk.in_recent() and talk.dialogue.draft is None and await _continues(talk, text, u, request):
        return
    if not request and await dialogue(talk, text, u):
        return
    await report(talk, text, u)


def _named(talk: Talk, text: str, u: Understanding) -> tuple[str, str]:
    found = talk.locate(text, u)
    return found.estate, found.place


def _weight(u: Understanding) -> float:
    """How much of the reader's belief lies on requests of any kind."""
    return sum(score for label, score in u.ranking if label in REQUEST_INTENTS) if u.ranking else 0.0


def _is_request(talk: Talk, u: Understanding) -> bool:
    if u.intent in REQUEST_INTENTS:
        return u.confidence >= talk.settings.nlu.ask_above or _weight(u) >= 0.5
    return u.confidence < 0.5 and _weight(u) > 0.55


# ---- answers to what was asked


async def _answers_new_place(talk: Talk, text: str) -> bool:
    d = talk.dialogue
    if d.pending != "fix_place":
        return False
    d.pending = ""
    if words.never_mind(text):
        await talk.say("pending.cancelled")
        return True
    view = await talk.office.cases.look(talk.speaker.person_id, d.pending_case)
    found = talk.locate(text, talk.alone)
    if not found.known_to_resident:
        found = Address(place=text.strip()[:200])
    await _relocate(talk, view, text, found)
    return True


async def _answers_same(talk: Talk, text: str) -> bool:
    d = talk.dialogue
    if d.asked != "same" or d.draft is None or not d.shown:
        return False
    if words.yes(text):
        await same(talk, d.shown[0])
        return True
    if words.no(text) or (words.more(text) and len(text) < 12) or text.strip().startswith(("不是", "不一样", "不同")):
        talk.act("different")
        if len(text) > 6:
            d.draft.texts.append(text)
        await same(talk, 0)
        return True
    if words.never_mind(text):
        return False
    place = talk.locate(text, talk.alone)
    if place.known_to_resident and len(text) < 24:
        d.draft.address = address_kept(talk.directory.refine(d.draft.where, place))
        d.draft.texts.append(text)
        await proceed(talk)
        return True
    return False


async def _answers_place(talk: Talk, text: str) -> bool:
    d = talk.dialogue
    if d.draft is None or d.asked != "location" or words.never_mind(text) or words.gives_up(text):
        return False
    draft, u = d.draft, talk.alone
    found = talk.locate(text, u)
    home = talk.speaker.home
    if words.yes(text) and home.known_to_resident and not found.known_to_resident:
        found = home
    if found.known_to_resident:
        talk.act("place")
        strong = u is not None and u.intent in REQUEST_INTENTS and u.confidence >= talk.settings.nlu.act_above
        if (
            strong
            and u is not None
            and u.intent != draft.category
            and not _kin(u.intent, draft.category)
            and len(text) > 12
        ):
            return False
        draft.address = address_kept(talk.directory.refine(draft.where, found))
        if len(text) > 12 or strong:
            draft.texts.append(text)
        await proceed(talk)
        return True
    if u is not None and u.intent not in REQUEST_INTENTS and u.confidence >= 0.6 and u.intent != "out_of_scope":
        return False  # 谢谢, 转人工 …: not a place
    if words.dont_know(text):
        talk.act("place")
        draft.place_asked = 9
    elif len(text) <= 30:
        talk.act("place")
        draft.address = address_kept(replace(draft.where, place=text.strip()))
        draft.place_asked = 9
    else:
        draft.texts.append(text)
    await proceed(talk)
    return True


async def _answers_which(talk: Talk, text: str) -> bool:
    d = talk.dialogue
    if d.asked != "case" or not d.which or not d.shown:
        return False
    candidates = [view for view in await talk.office.cases.mine(talk.speaker.person_id) if view.id in d.shown]
    picked = _meant(talk, text, candidates)
    if picked is None:
        return False
    act, note = d.which, d.which_note
    d.which, d.shown, d.which_note = "", [], ""
    await do(talk, act, picked.id, note)
    return True


async def _gives_up(talk: Talk, text: str) -> bool:
    unfinished = talk.dialogue.draft is not None
    if not words.never_mind(text) and not (unfinished and words.gives_up(text)):
        return False
    talk.act("withdraw")
    await withdraw(talk, text)
    return True


async def _answers_question(talk: Talk, text: str) -> bool:
    """The rung had asked for more (需补充): this is it, unless it plainly is something else."""
    waiting = [
        v for v in await talk.office.cases.mine(talk.speaker.person_id) if v.status is Status.WAITING_FOR_RESIDENT
    ]
    if len(waiting) != 1 or talk.dialogue.draft is not None:
        return False
    u = talk.alone
    if u is not None and u.confidence >= 0.6:
        other = u.intent not in REQUEST_INTENTS and u.intent not in ("out_of_scope", "dissatisfied", "satisfied")
        new = (
            u.intent in REQUEST_INTENTS and u.intent != waiting[0].category and not _kin(u.intent, waiting[0].category)
        )
        if other or (new and len(text) > 10):
            return False
    talk.act("supply")
    view = await talk.office.cases.add(talk.speaker.person_id, waiting[0].id, text, _photos(talk))
    await talk.say("supply.done", holder=view.holder, number=view.number)
    talk.touch(view.id)
    return True


async def _answers_verdict(talk: Talk, text: str) -> bool:
    """Asked 解决了没有, or speaking of a thing that was just repaired: a verdict, not a new report."""
    if talk.dialogue.draft is not None or words.more(text):
        return False
    mine = await talk.office.cases.mine(talk.speaker.person_id)
    judged = [v for v in mine if v.status in (Status.TO_JUDGE, Status.TO_CONFIRM)]
    bare = words.verdict(text)
    if judged and bare:
        act = bare
    elif judged and (words.partly(text) or words.not_fixed(text) or words.fixed(text)):
        judged = [v for v in judged if _same_thing(talk, text, v)]
        act = "partly" if words.partly(text) else "not" if words.not_fixed(text) else "solved"
    else:
        closed = [v for v in mine if v.status in (Status.SOLVED, Status.UNANSWERED)] if words.again(text) else []
        judged = [v for v in closed if _same_thing(talk, text, v)]
        act = "not"
    if not judged:
        return False
    talk.act({"solved": "satisfied"}.get(act, "dissatisfied"))
    if len(judged) == 1:
        await do(talk, act, judged[0].id, text)
    else:
        picked = _meant(talk, text, judged)
        await (do(talk, act, picked.id, text) if picked is not None else ask_which(talk, act, judged, text))
    return True


def _same_thing(talk: Talk, text: str, view: CaseView) -> bool:
    """Whether a line about a result or a relapse speaks of this case: its kind, and no other place."""
    u = talk.alone
    if u is None:
        return False
    found = talk.locate(text, u)
    if found.building and not _same_place(view, replace(found, place="", room="")):
        return False
    likely = [label for label, score in u.ranking[:3] if score >= 0.15 and label in REQUEST_INTENTS]
    return any(_kin(label, view.category) for label in likely)


# ---- bubbles that belong to the last report


async def _continues(  # noqa: C901 - the ways in which a line can go on, one a line
    talk: Talk, text: str, u: Understanding, request: bool
) -> bool:
    """A bubble soon after a case was opened: more of it, a correction of its place, or something else."""
    case_id = talk.dialogue.recent
    assert case_id is not None
    try:
        view = await talk.office.cases.look(talk.speaker.person_id, case_id)
    except LookupError:
        return False
    if not view.open:
        return False
    found = talk.locate(text, u)
    only_place = found.known_to_resident and (not request or len(text) <= 12)
    if words.correction(text) and found.known_to_resident:
        await _relocate(talk, view, text, found)
        return True
    if words.correction(text) and request and u.intent != view.category:
        talk.act(u.intent)
        await talk.office.cases.add(talk.speaker.person_id, view.id, text, _photos(talk))
        await choose_kind(talk, u.intent, view.id)
        return True
    certain = u.confidence >= talk.settings.nlu.act_above
    if request and certain and not _kin(u.intent, view.category) and len(text) >= 5:
        return False
    if request and found.building and words.more(text):
        return False  # 6号楼也是: another building is another case
    if not request and u.intent not in ("out_of_scope", "dissatisfied", "urge", "other_request") and certain:
        return False
    if not request and u.intent == "out_of_scope" and u.confidence >= 0.75 and not found.known_to_resident:
        return False
    if u.intent in ("urge", "dissatisfied") and u.confidence >= 0.8:
        return False
    if only_place and not _same_place(view, found):
        await _relocate(talk, view, text, found)
        return True
    if request and found.building and not _same_place(view, found):
        return False
    talk.act(u.intent if request else "add")
    view = await talk.office.cases.add(talk.speaker.person_id, view.id, text, _photos(talk))
    talk.touch(view.id)
    await talk.say("added", number=view.number, holder=view.holder)
    return True


async def _relocate(talk: Talk, view: CaseView, text: str, found: Address) -> None:
    talk.act("place")
    old = await talk.office.cases.address(talk.speaker.person_id, view.id)
    address = talk.directory.refine(old, found)
    view = await talk.office.cases.relocate(talk.speaker.person_id, view.id, address)
    talk.touch(view.id)
    await talk.say("moved", place=view.place, holder=view.holder, number=view.number)


def _same_place(view: CaseView, found: Address) -> bool:
    return bool(found.sentence()) and all(
        part in view.place for part in (found.estate, found.building, found.unit, found.room, found.place) if part
    )


def _kin(a: str, b: str) -> bool:
    return a == b or frozenset((a, b)) in duplicates.ALIKE


# ---- reports


async def report(talk: Talk, text: str, u: Understanding) -> None:
    """A request, or a fragment of one: into the draft, then as far as it goes."""
    d = talk.dialogue
    draft = d.draft
    read = u
    found = await _with_context(talk, text, talk.locate(text, u))
    if words.only_place(text, found.estate, found.place) and found.known_to_resident:
        read = u = replace(u, intent="place", ranking=(), also=())  # 园林小区的: a name, whatever it sounds like
    if draft is not None and talk.joined is not None and draft.texts:
        certain = u.intent in REQUEST_INTENTS and u.confidence >= talk.settings.nlu.act_above
        if certain and draft.category and not _kin(u.intent, draft.category) and len(text) > _SHORT:
            await _file_anyway(talk)  # a second matter before the first was complete: neither is lost
            draft = None
        elif u.intent != "place":
            read = max((talk.joined, u), key=lambda x: x.confidence if x.intent in REQUEST_INTENTS else 0.0)
    if draft is None:
        draft = d.draft = Draft(since=talk.now.isoformat())
    draft.texts.append(text)
    draft.photos += _photos(talk)
    if read.intent in REQUEST_INTENTS and (not draft.category or read.confidence > draft.confidence):
        draft.category, draft.confidence = read.intent, read.confidence
    draft.understood = draft.understood or read.intent
    draft.ranking = [[label, score] for label, score in read.ranking if label in REQUEST_INTENTS][:5]
    draft.also = list(dict.fromkeys([*draft.also, *u.also]))
    draft.address = address_kept(talk.directory.refine(draft.where, found))
    _behalf(talk, draft, text)
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
    return talk.directory.refine(before.of_estate(), found) if before.estate else found


def _behalf(talk: Talk, draft: Draft, text: str) -> None:
    """Reporting for somebody else: a building head or a child for an elderly neighbour."""
    name = words.on_behalf(text)
    if name:
        draft.on_behalf_of, draft.consent = name, words.consents(text)


async def proceed(talk: Talk) -> None:
    """Go as far as the draft allows: ask for kind, then place, show likely duplicates, open."""
    d = talk.dialogue
    draft = d.draft
    assert draft is not None
    nlu = talk.settings.nlu
    if not draft.texts and draft.photos:
        await talk.say("ask.photo", asks="problem")
        return
    unsure = draft.category == "" or _belief(draft) < nlu.act_above
    if unsure and await _ask_kind(talk, draft):
        return
    where = draft.where
    if where.maybe and draft.place_asked < 3:
        draft.place_asked = 3
        rows: Rows = [[Option(name, Where(how="name", estate=i).pack())] for i, name in enumerate(where.maybe[:4])]
        await talk.say("ask.which_estate", rows, asks="location")
        return
    if not where.routable and await _ask_place(talk, draft, where):
        return
    report_ = _new_report(talk, draft)
    if not draft.declined:
        like = await talk.office.cases.like(report_)
        if like:
            await _show_like(talk, like)
            return
    await open_draft(talk)


def _belief(draft: Draft) -> float:
    """How sure the category is. What the message is as well, and what comes to the same thing, speaks for it too:
    between two kinds that people confuse, the case opens as the likelier, and one tap puts it right.
    """
    scores = {str(label): float(score) for label, score in draft.ranking}
    second = sum(scores.get(label, 0.0) for label in draft.also)
    kin = max(
        (s for label, s in scores.items() if label != draft.category and _kin(label, draft.category)), default=0.0
    )
    return max(draft.confidence, draft.confidence + second, draft.confidence + kin if draft.confidence >= 0.3 else 0.0)


async def _ask_kind(talk: Talk, draft: Draft) -> bool:
    """Unsure what it is: the likeliest as buttons; too little to offer: please say more. Not more than twice."""
    if draft.kind_asked >= 2:
        draft.category = draft.category or "other_request"
        return False
    best = [label for label, score in draft.ranking if score >= talk.settings.nlu.ask_above / 2][:3]
    where = draft.where
    draft.kind_asked += 1
    top = draft.ranking[0][1] if draft.ranking else 0.0
    if not best or top < talk.settings.nlu.ask_above or (len(draft.text) <= 4 and top < 0.4):
        if where.known_to_resident:
            await talk.say("ask.problem_at", place=where.sentence(), asks="problem")
        else:
            await talk.say("listening", asks="problem")
        return True
    rows: Rows = [[option(talk.category(label), Kind(category=label))] for label in best]
    rows.append([option("都不是", KindMenu(page=0))])
    await talk.say("ask.kind", rows, asks="problem")
    return True


async def _ask_place(talk: Talk, draft: Draft, where: Address) -> bool:
    """Missing place: asked once, the known home offered; once more only for the estate of a named door."""
    home = talk.speaker.home
    if draft.place_asked == 0 and not where.estate:
        draft.place_asked = 1
        kind = talk.category(draft.category)
        if where.known_to_resident and where.building:
            draft.place_asked = 2
            rows: Rows = [[option(f"我家：{home.estate}", Where(how="estate"))]] if home.estate else []
            await talk.say("ask.estate", rows, place=where.sentence(), asks="location")
            return True
        if where.place and len(where.place) > 1 and not home.routable:
            await talk.say("ask.place", kind=kind, asks="location")
            return True
        if home.routable:
            rows = [[option("是，就在我家这儿", Where(how="home"))], [option("说不清在哪儿", Where(how="unknown"))]]
            await talk.say("ask.place_home", rows, kind=kind, home=home.sentence(), asks="location")
            return True
        await talk.say("ask.place", [[option("说不清在哪儿", Where(how="unknown"))]], kind=kind, asks="location")
        return True
    if draft.place_asked == 1 and where.building and not where.estate:
        draft.place_asked = 2
        rows = [[option(f"我家：{home.estate}", Where(how="estate"))]] if home.estate else []
        await talk.say("ask.estate", rows, place=where.sentence(), asks="location")
        return True
    return False


def _new_report(talk: Talk, draft: Draft) -> NewReport:
    patrol = talk.speaker.has(Role.GRID_WORKER) and not draft.on_behalf_of
    return NewReport(
        person_id=talk.speaker.person_id,
        community_id=talk.speaker.community_id,
        category=draft.category or "other_request",
        text=draft.text[: talk.settings.listening.max_text],
        address=draft.where,
        ranking=tuple((label, score) for label, score in draft.ranking),
        photos=tuple(draft.photos),
        on_behalf_of=draft.on_behalf_of,
        consent=draft.consent,
        proactive=patrol,
        understood=draft.understood if draft.understood in REQUEST_INTENTS else "",
        confidence=draft.confidence,
    )


async def _show_like(talk: Talk, like: Sequence[Likeness]) -> None:
    lines, rows = [], []
    for item in like:
        view = item.view
        lines.append(
            say(
                "same.line",
                number=view.number,
                when=cards.moment(view.opened_at, talk.now, talk.zone),
                place=view.place or "附近",
                text=cards.shortened(view.text, 40),
                state=cards.STATE[view.status],
            )
        )
        text = "是同一件" if len(like) == 1 else f"是{view.number}"
        rows.append([option(text, Same(case=view.id))])
    rows.append([option("不是，另外一件", Same(case=0))])
    talk.dialogue.shown = [item.view.id for item in like]
    who = "您" if like[0].mine else "邻居"
    await talk.say("same.ask", rows, who=who, list="\n".join(lines), asks="same")


async def same(talk: Talk, case_id: int) -> None:
    """The resident says whether a shown case is theirs."""
    d = talk.dialogue
    draft = d.draft
    if draft is None:
        await talk.say("listening", asks="problem")
        return
    if case_id == 0 or case_id not in d.shown:
        draft.declined = True
        d.shown = []
        await proceed(talk)
        return
    talk.act("same")
    mine = {view.id for view in await talk.office.cases.mine(talk.speaker.person_id)}
    try:
        if case_id in mine:
            view = await talk.office.cases.add(talk.speaker.person_id, case_id, draft.text, draft.photos)
            key = "same.mine"
        else:
            view = await talk.office.cases.join(talk.speaker.person_id, case_id, draft.text, draft.photos)
            key = "same.joined"
    except NotPossible:
        draft.declined = True  # it was closed in the meantime: then this is a case of its own
        await proceed(talk)
        return
    d.draft, d.shown = None, []
    talk.touch(view.id)
    await talk.say(key, number=view.number, holder=view.holder)
    await _second(talk, draft)


async def open_draft(talk: Talk, *, head: str = "") -> CaseView:
    """The draft becomes a case; a second matter in the same words becomes a second one."""
    d = talk.dialogue
    draft = d.draft
    assert draft is not None
    view = await talk.office.cases.open(_new_report(talk, draft))
    d.draft, d.shown = None, []
    talk.touch(view.id)
    text, rows = cards.opened(view, talk.now, talk.zone)
    if draft.on_behalf_of:
        text += "\n" + say(
            "opened.behalf", name=draft.on_behalf_of, consent="是" if draft.consent else "请您转告对方一声"
        )
    await talk.answer(f"{head}\n{text}" if head else text, rows)
    await _second(talk, draft)
    return view


async def _second(talk: Talk, draft: Draft) -> None:
    for label in draft.also[:2]:
        if label == draft.category or label not in REQUEST_INTENTS or label in _ASIDES:
            continue
        if _kin(label, draft.category) and not words.joined_by_more(draft.text):
            continue  # the works and the pavers that they crush are one matter
        other = replace(
            _new_report(talk, draft), category=label, photos=(), understood="", ranking=(), confidence=draft.confidence
        )
        like = [
            item for item in await talk.office.cases.like(other, limit=1) if item.mine and item.view.category == label
        ]
        if like:
            continue
        view = await talk.office.cases.open(other)
        text, rows = cards.opened(view, talk.now, talk.zone)
        await talk.answer(f"{say('opened.second')}\n{text}", rows)


async def _file_anyway(talk: Talk) -> None:
    """Open an unfinished draft as it is: a person sorts out what is missing."""
    draft = talk.dialogue.draft
    if draft is not None and draft.texts:
        draft.declined = True
        await open_draft(talk, head=say("opened.draft"))
    talk.dialogue.draft = None


def _photos(talk: Talk) -> list[str]:
    return [talk.photo] if talk.photo else []


async def photo_alone(talk: Talk) -> None:
    """A photo without words: to the report it follows, or the beginning of a new one."""
    d = talk.dialogue
    talk.act("photo")
    if d.draft is not None:
        d.draft.photos.append(talk.photo)
        await talk.say("listening", asks=d.asked or "problem")
        return
    open_cases = [v for v in await talk.office.cases.mine(talk.speaker.person_id) if v.open]
    waiting = [v for v in open_cases if v.status is Status.WAITING_FOR_RESIDENT]
    target = d.recent if talk.in_recent() else (waiting[0].id if len(waiting) == 1 else None)
    if target is not None and any(v.id == target for v in open_cases):
        view = await talk.office.cases.add(talk.speaker.person_id, target, "", [talk.photo])
        talk.touch(view.id)
        await talk.say("added.photo", number=view.number, holder=view.holder)
        return
    d.draft = Draft(since=talk.now.isoformat(), photos=[talk.photo])
    await talk.say("ask.photo", asks="problem")


# ---- everything that is no report


async def dialogue(talk: Talk, text: str, u: Understanding) -> bool:  # noqa: C901 - a list of intents, one line each
    """A dialogue intent and its fitting answer. False when it is a fragment of a report after all."""
    d = talk.dialogue
    if u.confidence < 0.45 and _fragment(talk, text, u):
        return False
    talk.act(u.intent)
    match u.intent:
        case "greet":
            await talk.say("greet", asks=d.asked if d.draft else "")
        case "thanks":
            await talk.say("thanks")
        case "goodbye":
            await talk.say("goodbye")
        case "help":
            await talk.say("help")
        case "human":
            await human(talk, text)
        case "propose_topic":
            await topic(talk, text)
        case "ask_progress":
            await progress(talk, text)
        case "urge":
            await about_mine(talk, "urge", text)
        case "dissatisfied":
            await about_mine(talk, "not", text)
        case "satisfied":
            await about_mine(talk, "partly" if words.partly(text) else "solved", text)
        case "withdraw":
            await withdraw(talk, text)
        case "emergency":
            return False
        case _:
            if _fragment(talk, text, u):
                return False
            await small_talk(talk, text)
    return True


def _fragment(talk: Talk, text: str, u: Understanding) -> bool:
    """Whether a line that means nothing by itself may be a piece of a report."""
    d = talk.dialogue
    if d.draft is not None and d.asked in ("problem", "location") and u.confidence < 0.8:
        return True
    return u.confidence < 0.6 and (talk.locate(text, u).known_to_resident or _weight(u) >= 0.35)


async def small_talk(talk: Talk, text: str) -> None:
    """Nothing a community could act on: a kind word, and what we are for."""
    await talk.say("chat.abuse" if words.abusive(text) else "chat.scope")


async def human(talk: Talk, text: str) -> None:
    """转人工: a person is told, and the number to ring is given."""
    home = talk.speaker.home
    community_id = home.community_id or talk.speaker.community_id
    await talk.office.alerts.human(talk.speaker.person_id, community_id, home.grid_id, text, "human")
    community = talk.directory.community(community_id)
    phone = say("human.phone", phone=community.phone) if community.phone else ""
    talk.dialogue.handed = True
    await talk.say("human", community=community.name, phone=phone)


async def foreign(talk: Talk, text: str) -> None:
    """Another script or language: handed to a person politely, with the menu in Chinese and English."""
    talk.act("foreign")
    home = talk.speaker.home
    community_id = home.community_id or talk.speaker.community_id
    await talk.office.alerts.human(talk.speaker.person_id, community_id, home.grid_id, text, "foreign")
    talk.dialogue.handed = True
    talk.dialogue.draft = Draft(since=talk.now.isoformat(), texts=[text], kind_asked=9)
    await talk.say("foreign", menu_rows(talk, 0, 0, english=True), asks="problem")


async def topic(talk: Talk, text: str) -> None:
    """议事: somebody wants a thing discussed; the community hears it, no case is made of it."""
    home = talk.speaker.home
    community_id = home.community_id or talk.speaker.community_id
    await talk.office.alerts.human(talk.speaker.person_id, community_id, home.grid_id, text, "topic")
    await talk.say("topic", community=talk.directory.community(community_id).name)


async def progress(talk: Talk, text: str = "") -> None:
    """How far is it? One case in full, several on a line each."""
    mine = await talk.office.cases.mine(talk.speaker.person_id)
    views = [v for v in mine if v.open] or mine[:1]
    if not views:
        await talk.say("progress.none")
        return
    picked = _meant(talk, text, views) if text and len(views) > 1 else None
    if len(views) == 1 or picked is not None:
        view = picked or views[0]
        body, rows = cards.progress(view, talk.now, talk.zone)
        await talk.answer(body, rows)
        return
    lines = [say("progress.many", n=len(views))]
    lines += [f"{cards.case_line(v, 14)}。{cards.STATE[v.status]}" for v in views[:8]]
    rows = [[option(cards.option_line(v), CaseDo(act="progress", case=v.id))] for v in views[:8]]
    await talk.answer("\n".join(lines), rows)


def _meant(talk: Talk, text: str, views: Sequence[CaseView]) -> CaseView | None:
    """The one case that these words point at: its number, its place, its kind; None when more than one could be."""
    if not text:
        return views[0] if len(views) == 1 else None
    for view in views:
        if view.number in text.upper() or view.number.rsplit("-", 1)[-1] == text.strip():
            return view
    if len(views) == 1:
        return views[0]
    u = talk.alone
    ranking = dict(u.ranking) if u is not None else {}
    found = talk.locate(text, u)
    scores = []
    for view in views:
        score = 2.0 * ranking.get(view.category, 0.0)
        score += 0.5 if found.sentence() and _same_place(view, found) else 0.0
        score += (
            1.5
            * SequenceMatcher(None, text, view.text + view.category_name, autojunk=False).find_longest_match().size
            / 4
        )
        scores.append(score)
    best = sorted(scores, reverse=True)
    if best[0] >= 0.7 and best[0] - best[1] >= 0.3:
        return views[scores.index(best[0])]
    return None


async def about_mine(talk: Talk, act: str, text: str) -> None:
    """催, 解决了, 没解决: about one of the resident's own cases; which one is asked only when it matters."""
    mine = await talk.office.cases.mine(talk.speaker.person_id)
    tiers = _tiers(act, mine)
    for views in tiers:
        if not views:
            continue
        picked = _meant(talk, text, views)
        if picked is not None:
            await do(talk, act, picked.id, text)
            return
        await ask_which(talk, act, views, text)
        return
    if act == "urge":
        await talk.say("urge.none", asks="problem")
    elif act == "not":
        await talk.say("dissatisfied.none", asks="problem")
    else:
        await talk.say("judge.none")


def _tiers(act: str, mine: Sequence[CaseView]) -> list[list[CaseView]]:
    """Which of one's cases a word can be about, likeliest group first."""
    judged = [v for v in mine if v.status in (Status.TO_JUDGE, Status.TO_CONFIRM)]
    working = [v for v in mine if v.open and v not in judged]
    closed = [v for v in mine if v.status in (Status.SOLVED, Status.UNANSWERED, Status.UNFOUNDED)]
    match act:
        case "urge":
            return [[v for v in mine if v.open]]
        case "not":
            return [judged, closed[:3] if not working else [], working]
        case _:
            return [judged, working]


async def ask_which(talk: Talk, act: str, views: Sequence[CaseView], note: str = "") -> None:
    """Several could be meant."""
    d = talk.dialogue
    d.which, d.which_note, d.shown = act, note, [v.id for v in views]
    lines = [say("which"), *(f"{n}. {cards.case_line(v, 16)}" for n, v in enumerate(views[:8], 1))]
    rows: Rows = [[option(cards.option_line(v), Which(act=act, case=v.id))] for v in views[:8]]
    await talk.answer("\n".join(lines), rows, asks="case")


async def do(talk: Talk, act: str, case_id: int, note: str = "") -> None:
    """One of the resident's acts on one case."""
    me = talk.speaker.person_id
    cases = talk.office.cases
    match act:
        case "urge":
            view = await cases.urge(me, case_id, note)
            if view.status is Status.TO_JUDGE:
                body, rows = cards.progress(view, talk.now, talk.zone)
                await talk.answer(body, rows)
                return
            clock = cards.clock_line(view, talk.now, talk.zone)
            await talk.say("urged", holder=view.holder, number=view.number, clock=clock)
        case "solved" | "partly" | "not":
            await _judge(talk, act, case_id, note)
        case "withdraw":
            view = await cases.withdraw(me, case_id, note)
            left = view.status is not Status.WITHDRAWN
            rows = [] if left else [[option("点错了，恢复", CaseDo(act="restore", case=view.id))]]
            await talk.say("withdrawn.left" if left else "withdrawn", rows, number=view.number)
            talk.dialogue.recent = None
        case "restore":
            view = await cases.reopen(me, case_id, note)
            await talk.say("restored", number=view.number, holder=view.holder)
        case _:
            view = await cases.look(me, case_id)
            body, rows = cards.progress(view, talk.now, talk.zone)
            await talk.answer(body, rows)


async def _judge(talk: Talk, verdict: str, case_id: int, note: str) -> None:
    me = talk.speaker.person_id
    before = await talk.office.cases.look(me, case_id)
    if verdict != "solved" and before.status not in (Status.TO_JUDGE, Status.TO_CONFIRM) and before.open:
        await do(talk, "urge", case_id, note)  # not done yet, and nobody has said so: that is a push, not a verdict
        return
    view = await talk.office.cases.judge(me, case_id, verdict, note)
    if verdict == "solved":
        await talk.say("judge.solved", number=view.number)
    elif not before.open:
        await talk.say("reopened", number=view.number, holder=view.holder)
    else:
        await talk.say(f"judge.{verdict}", number=view.number, holder=view.holder)


async def withdraw(talk: Talk, text: str) -> None:
    """算了: the unfinished report is dropped, the case just opened is withdrawn, else it is asked which."""
    d = talk.dialogue
    if d.draft is not None:
        d.draft = None
        await talk.say("withdrawn.draft")
        return
    mine = [v for v in await talk.office.cases.mine(talk.speaker.person_id) if v.open]
    if not mine:
        await talk.say("withdrawn.none")
        return
    if talk.in_recent() and any(v.id == d.recent for v in mine):
        await do(talk, "withdraw", d.recent or 0, text)
        return
    picked = _meant(talk, text, mine)
    if picked is not None:
        await do(talk, "withdraw", picked.id, text)
        return
    await ask_which(talk, "withdraw", mine, text)


# ---- menus


def menu_rows(talk: Talk, page: int, case_id: int, *, english: bool = False) -> Rows:
    """The categories, a page of them, two in a row."""
    here = MENU[page * MENU_PAGE : (page + 1) * MENU_PAGE]
    options = []
    for label in here:
        name = talk.category(label)
        if english:
            name = f"{name} {label.replace('_', ' ')}"
        options.append(option(name, Kind(category=label, case=case_id)))
    rows = [options[i : i + 2] for i in range(0, len(options), 2)]
    pages = (len(MENU) + MENU_PAGE - 1) // MENU_PAGE
    rows.append([option("其他（再看一页）", KindMenu(page=(page + 1) % pages, case=case_id))])
    return rows


async def menu(talk: Talk, page: int = 0, case_id: int = 0) -> None:
    """Intake by menu."""
    talk.act("menu")
    await talk.say("ask.kind_menu", menu_rows(talk, page, case_id), asks="problem")


async def choose_kind(talk: Talk, category: str, case_id: int) -> None:
    """A category was tapped: for the draft, for a case that was misunderstood, or to begin with."""
    if category not in REQUEST_INTENTS:
        await talk.say("stale", why="没有这一类")
        return
    if case_id:
        view = await talk.office.cases.reclassify(talk.speaker.person_id, case_id, category)
        talk.touch(view.id)
        await talk.say("kind.changed", kind=view.category_name, holder=view.holder, number=view.number)
        return
    d = talk.dialogue
    if d.draft is None:
        d.draft = Draft(since=talk.now.isoformat())
    d.draft.category, d.draft.confidence, d.draft.kind_asked = category, 1.0, 9
    d.draft.unread = False
    talk.act(category)
    if not d.draft.texts:
        d.draft.texts = []
        await talk.say("ask.problem_at", place=talk.category(category), asks="problem")
        return
    await proceed(talk)


async def choose_place(talk: Talk, how: str, index: int) -> None:
    """The place was answered by a tap."""
    draft = talk.dialogue.draft
    if draft is None:
        await talk.say("stale", why="这件事已经登记了")
        return
    home = talk.speaker.home
    where = draft.where
    match how:
        case "home":
            draft.address = address_kept(talk.directory.refine(home, where) if where.place else home)
        case "estate":
            draft.address = address_kept(talk.directory.refine(home.of_estate(), where))
        case "name" if index < len(where.maybe):
            named = talk.directory.locate(where.maybe[index], prefer_community=talk.speaker.community_id)
            draft.address = address_kept(talk.directory.refine(where, named))
        case _:
            draft.place_asked = 9
    talk.act("place")
    await proceed(talk)


async def unread(talk: Talk, text: str) -> None:
    """The NLU cannot be asked: intake goes on by menu, and the text is understood later."""
    d = talk.dialogue
    talk.act("unread")
    if d.draft is not None and d.draft.category and d.asked == "problem" and d.draft.confidence == 1.0:
        d.draft.texts.append(text)  # the category was tapped; these are the words
        d.draft.address = address_kept(talk.directory.refine(d.draft.where, talk.locate(text, None)))
        await proceed(talk)
        return
    if d.draft is None:
        d.draft = Draft(since=talk.now.isoformat())
    d.draft.texts.append(text)
    d.draft.photos += _photos(talk)
    d.draft.unread = True
    d.draft.address = address_kept(talk.directory.refine(d.draft.where, talk.locate(text, None)))
    await talk.say("nlu.down", menu_rows(talk, 0, 0), asks="problem")


async def reread(talk: Talk) -> None:
    """The NLU is back: read what was only kept, or, when nothing can be made of it, open it for a person."""
    d = talk.dialogue
    draft = d.draft
    if draft is None or not draft.unread or talk.alone is None:
        return
    text, photos, where = draft.text, list(draft.photos), dict(draft.address)
    d.draft = None
    await talk.say("nlu.back")
    await _understood(talk, text, talk.alone)
    if d.draft is not None:
        d.draft.photos += [p for p in photos if p not in d.draft.photos]
        d.draft.address = d.draft.address or where
    elif photos and talk.in_recent():
        await talk.office.cases.attach(d.recent or 0, photos)


async def draft_expired(talk: Talk) -> None:
    """A report that was never finished is opened as it is: nothing that was told us is lost."""
    draft = talk.dialogue.draft
    if draft is None:
        return
    if not draft.texts and not draft.photos:
        talk.dialogue.draft = None
        return
    if not draft.texts:
        draft.texts = ["（只有照片，没有文字）"]
    draft.category = draft.category or "other_request"
    await _file_anyway(talk)


_STEPS = (
    _answers_new_place,
    _answers_same,
    _answers_place,
    _answers_which,
    _gives_up,
    _answers_question,
    _answers_verdict,
)
