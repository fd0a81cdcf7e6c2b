"""From the draft to the case: ask for kind and place, show likely duplicates, open, and open a second matter too."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.conversation import cards, words
from bot.conversation.buttons import Kind, KindMenu, Option, Rows, Same, Where, option
from bot.conversation.dialogue import Draft, address_from, address_kept
from bot.conversation.phrases import say
from bot.conversation.resident import behalf, secrecy
from bot.conversation.resident.message import at_home, kin, photos
from bot.conversation.resident.too_many import too_many_cases
from bot.conversation.talk import Talk
from bot.matters import is_story, of_a_story
from nlu.bursts import burst
from nlu.understanding import REQUEST_INTENTS, Understanding
from workflows.case_file import CaseView
from workflows.cases import Likeness, NewReport
from workflows.policy import confidence
from workflows.policy.lifecycle import NotPossible
from workflows.policy.permissions import Role
from workflows.policy.places import Address
from workflows.policy.privacy import mask
from workflows.voices import ONLY_VOICE, voices_of

# Set as the number of times asked: there is nothing to be gained by asking once more.
ENOUGH = 9
_ROUND = timedelta(hours=3)  # what a grid worker finds within belongs to one round
_LOCATED = timedelta(minutes=15)  # so long a shared location is where somebody stands
_SURELY = 0.85  # a find this like an open case is that case
# "物业也不管" beside a real matter is an aside (code book 13), never a second case of its own.
_ASIDES = frozenset({"property_service", "other_request"})
_OF_PIPES = frozenset({"heating", "water_supply", "leak_repair", "sewage"})


def begun(talk: Talk) -> Draft:
    """The unfinished report; a new one if there is none."""
    d = talk.dialogue
    if d.draft is None:
        d.draft = Draft(since=talk.now.isoformat())
    return d.draft


def placed(talk: Talk, draft: Draft, found: Address) -> None:
    """Add what was heard of the place to what is known of it."""
    draft.address = address_kept(talk.directory.refine(draft.where, found))


def where_each_is(talk: Talk, text: str, u: Understanding) -> tuple[Address, Address | None]:
    """Where the matter of a message is, and its second matter, when their words name two houses or spots."""
    whole = talk.locate(text, u)
    if len(u.parts) != 2:
        return whole, None
    first, second = (talk.locate(part, u) for part in u.parts)
    if not (first.known_to_resident and second.known_to_resident) or _one_door(first, second):
        return whole, None
    estate = whole.of_estate()
    here, there = (place if place.estate else talk.directory.refine(estate, place) for place in (first, second))
    return here, there


def _one_door(a: Address, b: Address) -> bool:
    """Whether nothing tells the two places apart."""
    return all(
        getattr(a, part) == getattr(b, part) or not getattr(a, part) or not getattr(b, part)
        for part in ("estate", "building", "unit", "room", "place")
    )


async def proceed(talk: Talk) -> None:
    """Go as far as the draft allows: ask for kind, then place, show likely duplicates, open."""
    draft = talk.dialogue.draft
    assert draft is not None
    if not draft.texts and voices_of(draft.photos):
        draft.texts = [ONLY_VOICE]
    if not draft.texts and draft.photos:
        await talk.say("ask.photo", asks="problem")
        return
    unsure = draft.category == "" or _belief(draft) < talk.settings.nlu.act_above
    if unsure and await _ask_kind(talk, draft):
        return
    if await _ask_place(talk, draft):
        return
    if not draft.declined:
        like = await talk.office.cases.like(_new_report(talk, draft), talk.alike)
        if like:
            await _show_like(talk, like)
            return
    await _open(talk, draft)


async def complaint(talk: Talk, text: str) -> None:
    """A complaint about a person's conduct: a case like any other, with a holder and a clock; its place is the home."""
    draft = begun(talk)
    draft.texts.append(text)
    draft.photos += photos(talk)
    draft.category, draft.confidence, draft.kind_asked, draft.place_asked = "other_request", 1.0, ENOUGH, ENOUGH
    placed(talk, draft, talk.locate(text, talk.alone))
    if not draft.where.routable and talk.speaker.home.routable:
        draft.address = address_kept(talk.speaker.home)
    await proceed(talk)


# ---- kind


def _belief(draft: Draft) -> float:
    """How sure the category is. What the message is as well, and what comes to the same thing, speaks for it too:
    between two kinds that people confuse, the case opens as the likelier, and one tap puts it right.
    """
    scores = {str(label): float(score) for label, score in draft.ranking}
    second = sum(scores.get(label, 0.0) for label in draft.also)
    if draft.confidence < 0.3:
        return draft.confidence + second
    kindred = [score for label, score in scores.items() if label != draft.category and kin(label, draft.category)]
    return draft.confidence + max(second, *kindred, 0.0)


async def _ask_kind(talk: Talk, draft: Draft) -> bool:
    """Unsure what it is: the likeliest as buttons; too little to offer: please say more. Not more than twice."""
    heard_later = bool(voices_of(draft.photos)) and draft.where.known_to_resident
    if draft.kind_asked >= 2 or heard_later:  # who listens to the recording says what it is
        draft.category = draft.category or "other_request"
        return False
    draft.kind_asked += 1
    if await _propose_from_story(talk, draft):
        return True
    ask_above = talk.settings.nlu.ask_above
    best = [label for label, score in draft.ranking if score >= ask_above / 2][:3]
    top = draft.ranking[0][1] if draft.ranking else 0.0
    if not best or top < ask_above or (len(draft.text) <= 4 and top < 0.4):
        where = draft.where
        if where.known_to_resident:
            await talk.say("ask.problem_at", place=where.sentence(), asks="problem")
        else:
            await talk.say("listening", asks="problem")
        return True
    rows: Rows = [[option(talk.category(label), Kind(category=label))] for label in best]
    rows.append([option("都不是", KindMenu(page=0))])
    await talk.say("ask.kind", rows, asks="problem")
    return True


async def _propose_from_story(talk: Talk, draft: Draft) -> bool:
    """您说的是不是…: of a long text, the sentences that complain of something. The others are asked about afterwards."""
    if talk.alone is None or not is_story(draft.texts[-1] if draft.texts else "", talk.alone):
        return False
    told = of_a_story(talk.passages)
    if not told:
        return False
    lines = "\n".join(f"“{cards.shortened(one.text, 40)}”（{talk.category(one.u.intent)}）" for one in told)
    first = "是的，就是这件" if len(told) == 1 else ""
    rows: Rows = [[option(first or talk.category(one.u.intent), Kind(category=one.u.intent))] for one in told]
    rows.append([option("都不是" if len(told) > 1 else "不是", KindMenu(page=0))])
    if len(told) > 1:
        talk.dialogue.wait(told, talk.locate(draft.text, talk.alone).of_estate())
    await talk.say("ask.is_it", rows, list=lines, asks="problem")
    return True


# ---- place


async def _ask_place(talk: Talk, draft: Draft) -> bool:
    """Which of the estates of that name; or, where nobody would be answerable yet, what is missing."""
    where = _on_patrol(talk, draft, at_home(talk, _where_they_stand(talk, draft.where)))
    draft.address = address_kept(where)
    if where.maybe and draft.place_asked < 3:
        draft.place_asked = 3
        rows: Rows = [[Option(name, Where(how="name", estate=i).pack())] for i, name in enumerate(where.maybe[:4])]
        await talk.say("ask.which_estate", rows, asks="location")
        return True
    return not where.routable and await _ask_missing_place(talk, draft, where)


def _where_they_stand(talk: Talk, where: Address) -> Address:
    """A location that was shared just now tells the estate where the words do not."""
    d = talk.dialogue
    if where.estate or where.routable or not d.here or not d.here_at:
        return where
    fresh = talk.now - datetime.fromisoformat(d.here_at) <= _LOCATED
    return talk.directory.refine(address_from(d.here), where) if fresh else where


def _on_patrol(talk: Talk, draft: Draft, where: Address) -> Address:
    """A grid worker's find that names a spot but no estate is in her own grid."""
    grids = [d for d in talk.speaker.duties if d.role is Role.GRID_WORKER and d.grid_id is not None]
    if where.routable or where.estate or where.maybe or len(grids) != 1 or draft.on_behalf_of or not where.place:
        return where
    return replace(where, grid_id=grids[0].grid_id, community_id=grids[0].community_id)


async def _ask_missing_place(talk: Talk, draft: Draft, where: Address) -> bool:
    """Missing place: asked once, the known home offered; once more only for the estate of a named door."""
    if where.estate or draft.place_asked > 1:
        return False
    home = talk.speaker.home
    if where.building:
        draft.place_asked = 2
        rows: Rows = [[option(f"我家：{home.estate}", Where(how="estate"))]] if home.estate else []
        await talk.say("ask.estate", rows, place=where.sentence(), asks="location")
        return True
    if draft.place_asked == 1:
        draft.address = address_kept(_near_home(talk, where))
        return False
    draft.place_asked = 1
    kind = talk.category(draft.category)
    unknown = option("说不清在哪儿", Where(how="unknown"))
    if home.routable:
        rows = [[option("是，就在我家这儿", Where(how="home"))], [unknown]]
        talk.dialogue.home_offered = True
        await talk.say("ask.place_home", rows, kind=kind, home=home.sentence(), asks="location")
    else:
        named = len(where.place) > 1
        await talk.say("ask.place", [] if named else [[unknown]], kind=kind, asks="location")
    return True


async def home_is_known(talk: Talk, home: Address) -> None:
    """The home was told while a report waits for its place: that is where."""
    draft = talk.dialogue.draft
    if draft is not None and draft.texts and draft.place_asked and not draft.where.routable:
        draft.address = address_kept(talk.directory.refine(home, draft.where))
        await proceed(talk)


# ---- likeness

# About people rather than things: a neighbour must not read there what was said about them.
_ABOUT_PEOPLE = frozenset(
    {
        "noise", "neighbor_dispute", "public_security", "stray_animals", "illegal_building", "parking", "falling_objects",
        "property_service", "social_aid", "employment", "health_service", "other_request", "flying_wire", "pollution",
    }
)  # fmt: skip


def _recognisable(view: CaseView, *, mine: bool) -> str:
    """Enough of a case to know it again: one's own words, of a neighbour's only what they said of a thing."""
    if mine:
        return cards.shortened(mask(view.text), 40)
    return view.category_name if view.category in _ABOUT_PEOPLE else cards.shortened(mask(view.unsaid(view.text)), 40)


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
                text=_recognisable(view, mine=item.mine),
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
    me = talk.speaker.person_id
    cases = talk.office.cases
    mine = {view.id for view in await cases.mine(me)}
    secret = _secret(draft)
    try:
        if case_id in mine:
            view = await secrecy.add(talk, case_id, draft.text, draft.photos, secret=secret)
            key = "same.mine"
        else:
            view = await cases.join(me, case_id, draft.text, draft.photos, confidential=secret)
            key = "same.joined"
            if secret:
                talk.beneath.append(say("confidential.kept"))
    except NotPossible:
        draft.declined = True  # it was closed in the meantime: then this is a case of its own
        await proceed(talk)
        return
    d.draft, d.shown = None, []
    talk.touch(view.id)
    await talk.say(key, number=view.number, holder=view.holder)
    await _open_second(talk, draft)


# ---- opening


def _secret(draft: Draft) -> bool:
    """Whether they have asked that nobody learns who said it."""
    return draft.confidential or confidence.wanted(draft.text)


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
        confidential=_secret(draft),
        urgent=draft.category in _OF_PIPES and bool(burst(draft.text)),
    )


async def _open(talk: Talk, draft: Draft, *, head: str = "") -> None:
    """The draft becomes a case; a second matter in the same words becomes a second one."""
    d = talk.dialogue
    if await too_many_cases(talk):
        d.draft, d.shown, d.home_offered = None, [], False
        return
    report = _new_report(talk, draft)
    view = await talk.office.cases.open(report)
    if report.proactive:
        await talk.office.patrols.found(talk.speaker.person_id, view.id, talk.now - _ROUND)
    d.draft, d.shown, d.home_offered = None, [], False
    talk.touch(view.id)
    text, rows = cards.opened(view, talk.now, talk.zone)
    if report.confidential:
        text += "\n" + say("confidential.kept")
    if report.urgent:
        text += "\n" + say(f"burst.{burst(report.text)}")
    if draft.on_behalf_of:
        consent = "是" if draft.consent else "请您转告对方一声"
        text += "\n" + say("opened.behalf", name=draft.on_behalf_of, consent=consent)
    await talk.answer(f"{head}\n{text}" if head else text, rows)
    await _open_second(talk, draft)
    await behalf.ask(talk, view)


async def _open_second(talk: Talk, draft: Draft) -> None:
    cases = talk.office.cases
    for label in _second_matters(draft):
        other = replace(
            _new_report(talk, draft),
            category=label,
            address=at_home(talk, address_from(draft.second_address)) if draft.second_address else draft.where,
            photos=(),
            understood="",
            ranking=(),
            confidence=draft.confidence,
            urgent=False,
        )
        like = await cases.like(other, talk.alike, limit=1)
        if any(item.mine and item.view.category == label for item in like):
            continue
        if await too_many_cases(talk):
            return
        view = await cases.open(other)
        text, rows = cards.opened(view, talk.now, talk.zone)
        await talk.answer(f"{say('opened.second')}\n{text}", rows)


def _second_matters(draft: Draft) -> list[str]:
    """What the words report as well, beside the matter itself."""
    others = [
        label
        for label in draft.also[:2]
        if label in REQUEST_INTENTS and label not in _ASIDES and label != draft.category
    ]
    if words.joined_by_more(draft.text):
        return others
    return [label for label in others if not kin(label, draft.category)]  # the works and the pavers they crush are one


def _near_home(talk: Talk, where: Address) -> Address:
    """Nothing that leads to anybody was told: the estate where they live is likelier than nowhere, and is said."""
    home = talk.speaker.home
    if where.routable or where.estate or where.maybe or not home.routable:
        return where
    return talk.directory.refine(home.of_estate(), where)


async def file_anyway(talk: Talk) -> None:
    """Open an unfinished draft as it is: a person sorts out what is missing."""
    draft = talk.dialogue.draft
    if draft is not None and draft.texts:
        draft.declined = True
        draft.address = address_kept(_near_home(talk, draft.where))
        await _open(talk, draft, head=say("opened.draft"))
    talk.dialogue.draft = None


async def finding(talk: Talk, text: str, u: Understanding | None, where: Address, photo: str) -> None:
    """One find of a patrol's list: opened at once, or noted in the open case that it surely is."""
    draft = begun(talk)
    draft.texts, draft.photos = [text], [photo] if photo else []
    if u is not None and u.intent in REQUEST_INTENTS:
        draft.category, draft.understood, draft.confidence = u.intent, u.intent, u.confidence
        draft.ranking = [[label, score] for label, score in u.ranking if label in REQUEST_INTENTS][:5]
    draft.category = draft.category or "other_request"
    draft.address = address_kept(where)
    like = await talk.office.cases.like(_new_report(talk, draft), talk.alike, limit=1)
    if like and like[0].score >= _SURELY:
        view = await talk.office.handling.comment(talk.speaker.person_id, like[0].view.id, text, draft.photos)
        await talk.office.patrols.found(talk.speaker.person_id, view.id, talk.now - _ROUND)
        talk.dialogue.draft = None
        await talk.say("patrol.known", number=view.number, text=cards.shortened(text, 30))
        return
    await _open(talk, draft)


async def draft_expired(talk: Talk) -> None:
    """A report that was never finished is opened as it is: nothing that was told us is lost."""
    draft = talk.dialogue.draft
    if draft is None:
        return
    if not draft.texts and not draft.photos:
        talk.dialogue.draft = None
        return
    if not draft.texts:
        draft.texts = [ONLY_VOICE if voices_of(draft.photos) else "（只有照片，没有文字）"]
    draft.category = draft.category or "other_request"
    await file_anyway(talk)
