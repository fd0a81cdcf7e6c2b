"""What is no report, and its fitting answer: a greeting, a word about one's cases, and whatever a person must hear."""

from collections.abc import Awaitable, Callable, Mapping

from bot.conversation import words
from bot.conversation.dialogue import Draft
from bot.conversation.phrases import say
from bot.conversation.resident import mine, who_is_who
from bot.conversation.resident.menus import menu_rows
from bot.conversation.resident.message import is_certain, kin, weight
from bot.conversation.resident.reports import ENOUGH, complaint
from bot.conversation.talk import Talk
from nlu.understanding import REQUEST_INTENTS, Understanding
from workflows.policy import conflict


async def answer(talk: Talk, text: str, u: Understanding) -> bool:
    """A dialogue intent and its fitting answer. False when it is a fragment of a report after all."""
    if u.confidence < 0.45 and _fragment(talk, text, u):
        return False
    talk.act(u.intent)
    if words.abusive(text) and u.intent in ("dissatisfied", "urge") and len(text) < 30:
        await mine.hurry(talk, "")  # the push is theirs to give; the insult is not passed on
    elif words.abusive(text) and u.intent in ("out_of_scope", "human") and len(text) < 30:
        await _small_talk(talk, text)
    elif u.intent == "withdraw" and talk.dialogue.draft is not None and not words.withdraws(text):
        return False  # 我刚才不是说了吗: impatience takes nothing back
    elif u.intent == "thanks" and words.fixed(text) and not words.not_fixed(text) and await mine.awaits_verdict(talk):
        await mine.solved(talk, text)  # 中，好了，谢谢: the thanks are for that
    elif u.intent in ("thanks", "goodbye", "help"):
        await talk.say(u.intent)
    elif u.intent in _ANSWERS:
        await _ANSWERS[u.intent](talk, text)
    elif u.intent == "emergency" or _fragment(talk, text, u):
        return False
    else:
        await _small_talk(talk, text)
    return True


def _fragment(talk: Talk, text: str, u: Understanding) -> bool:
    """Whether a line that means nothing by itself may be a piece of a report."""
    d = talk.dialogue
    if d.draft is not None and d.asked in ("problem", "location") and u.confidence < 0.8:
        return True
    return u.confidence < 0.6 and (talk.locate(text, u).known_to_resident or weight(u) >= 0.35)


async def said_beside(talk: Talk, text: str) -> bool:
    """What needs no reader: a complaint about those through whom it would go, 好的知道了, 我家在哪."""
    if await complaint_about_people(talk, text):
        return True
    if words.acknowledges(text) and not talk.dialogue.asked:
        talk.act("thanks")
        await talk.say("ack")
        return True
    if words.asks_home(text):
        await home(talk)
        return True
    if words.asks_progress(text) and talk.dialogue.draft is None and len(text) <= 6:
        talk.act("ask_progress")
        await mine.progress(talk, text)
        return True
    if words.asks_who(text) and len(text) <= 14:
        talk.act("out_of_scope")
        await talk.say("chat.robot")
        return True
    return await _asks_when(talk, text) or await who_is_who.answered(talk, text)


async def _asks_when(talk: Talk, text: str) -> bool:
    """这要多久: of what is under way. Where nothing is, or something else is named, it is read like anything else."""
    if talk.dialogue.draft is not None or not words.asks_when(text):
        return False
    u = talk.alone
    under_way = [view for view in await talk.office.cases.mine(talk.speaker.person_id) if view.open]
    named = u is not None and u.intent in REQUEST_INTENTS and is_certain(talk, u)
    if not under_way or (named and u is not None and not any(kin(u.intent, view.category) for view in under_way)):
        return False
    talk.act("ask_progress")
    await mine.progress(talk, text)
    return True


async def complaint_about_people(talk: Talk, text: str) -> bool:
    """A complaint about those through whom it would go: about the grid, around it; about the office, a door outside."""
    if not words.complains(text):
        return False
    about = conflict.about("", text)
    if about.grid:
        talk.act("other_request")
        await complaint(talk, text)
        return True
    community = talk.speaker.home.community_id or talk.speaker.community_id
    if not about.committee and (words.about_the_office(text) or await talk.office.people.office_named(text, community)):
        talk.act("human")
        await talk.say("complaint.office")
        return True
    return False


async def home(talk: Talk) -> None:
    """我家在哪: what is known of where they live."""
    talk.act("home")
    known = talk.speaker.home
    await (talk.say("home.is", home=known.sentence()) if known.known_to_resident else talk.say("home.none"))


async def _greet(talk: Talk, text: str) -> None:
    if words.tells_home(text) and talk.dialogue.draft is None:
        found = talk.locate(text, talk.alone)
        if found.estate_id is not None and found.building:
            await talk.office.people.set_home(talk.speaker.person_id, found)
            await talk.say("home.kept", home=found.sentence())
            return
    await talk.say("greet", asks=talk.dialogue.asked if talk.dialogue.draft else "")


async def _small_talk(talk: Talk, text: str) -> None:
    """Nothing a community could act on: a kind word, and what we are for."""
    if words.abusive(text):
        await talk.say("chat.abuse")
    elif words.asks_who(text):
        await talk.say("chat.robot")
    else:
        await talk.say("chat.staff" if talk.speaker.staff and len(text) < 8 else "chat.scope")


async def _human(talk: Talk, text: str) -> None:
    """转人工: a person is told, and the number to ring is given. A complaint about the grid is a case, and goes around."""
    if conflict.about("", text).grid:
        await complaint(talk, text)
        return
    community = talk.directory.community(await _tell_a_person(talk, text, "human"))
    phone = say("human.phone", phone=community.phone) if community.phone else ""
    talk.dialogue.handed = True
    await talk.say("human", community=community.name, phone=phone)


async def _topic(talk: Talk, text: str) -> None:
    """议事: somebody wants a thing discussed; the community hears it, no case is made of it."""
    community = talk.directory.community(await _tell_a_person(talk, text, "topic"))
    await talk.say("topic", community=community.name)


async def foreign(talk: Talk, text: str) -> None:
    """Another script or language: handed to a person politely, with the menu in Chinese and English."""
    talk.act("foreign")
    await _tell_a_person(talk, text, "foreign")
    talk.dialogue.handed = True
    talk.dialogue.draft = Draft(since=talk.now.isoformat(), texts=[text], kind_asked=ENOUGH)
    await talk.say("foreign", menu_rows(talk, english=True), asks="problem")


async def _tell_a_person(talk: Talk, text: str, why: str) -> int:
    """An alert to the community of the speaker's home, or else of what they last reported; which one that is."""
    home = talk.speaker.home
    reported = () if home.community_id else await talk.office.cases.mine(talk.speaker.person_id)
    community_id = home.community_id or next((view.community_id for view in reported), talk.speaker.community_id)
    await talk.office.alerts.human(talk.speaker.person_id, community_id, home.grid_id, text, why)
    return community_id


_ANSWERS: Mapping[str, Callable[[Talk, str], Awaitable[None]]] = {
    "greet": _greet,
    "human": _human,
    "propose_topic": _topic,
    "ask_progress": mine.progress,
    "urge": mine.hurry,
    "dissatisfied": mine.not_solved,
    "satisfied": mine.solved,
    "withdraw": mine.withdraw,
}
