"""Intake by menu: the categories by the page, kind and place by a tap, and words kept while the NLU is down."""

from bot.conversation.buttons import Kind, KindMenu, Rows, option
from bot.conversation.dialogue import address_kept
from bot.conversation.resident.message import photos
from bot.conversation.resident.reports import ENOUGH, begun, placed, proceed
from bot.conversation.talk import Talk
from nlu.understanding import REQUEST_INTENTS

_PAGE = 12
# What a resident means when they reach for the menu, commonest first.
_MENU = (
    "heating", "water_supply", "power_supply", "leak_repair", "sewage", "elevator", "street_light", "garbage",
    "pest_control", "noise", "parking", "flying_wire", "road_damage", "manhole", "greening", "stray_animals",
    "fire_safety", "electric_hazard", "falling_objects", "public_facility", "construction", "illegal_building",
    "pollution", "gas", "public_security", "traffic", "neighbor_dispute", "property_service", "employment", "training",
    "land", "health_service", "social_aid", "other_request",
)  # fmt: skip


def menu_rows(talk: Talk, page: int = 0, case_id: int = 0, *, english: bool = False) -> Rows:
    """The categories, a page of them, two in a row."""
    options = []
    for label in _MENU[page * _PAGE : (page + 1) * _PAGE]:
        name = talk.category(label)
        if english:
            name = f"{name} {label.replace('_', ' ')}"
        options.append(option(name, Kind(category=label, case=case_id)))
    rows = [options[i : i + 2] for i in range(0, len(options), 2)]
    pages = (len(_MENU) + _PAGE - 1) // _PAGE
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
    draft = begun(talk)
    draft.category, draft.confidence, draft.kind_asked = category, 1.0, ENOUGH
    draft.unread = False
    talk.dialogue.waiting = [one for one in talk.dialogue.waiting if one["intent"] != category or one["sure"]]
    talk.act(category)
    if not draft.texts:
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
            placed(talk, draft, talk.directory.locate(where.maybe[index], prefer_community=talk.speaker.community_id))
        case _:
            draft.place_asked = ENOUGH
    talk.act("place")
    await proceed(talk)


async def unread(talk: Talk, text: str) -> None:
    """The NLU cannot be asked: intake goes on by menu, and the text is understood later."""
    talk.act("unread")
    draft = begun(talk)
    draft.texts.append(text)
    draft.photos += photos(talk)
    placed(talk, draft, talk.locate(text, None))
    if draft.category and draft.confidence == 1.0 and talk.dialogue.asked == "problem":
        await proceed(talk)  # the category was tapped; these are the words
        return
    draft.unread = True
    await talk.say("nlu.down", menu_rows(talk), asks="problem")
