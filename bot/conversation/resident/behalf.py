"""Reporting for a neighbour: whether the grid worker may know for whom, and whom to ring before coming."""

from bot.conversation import words
from bot.conversation.buttons import Behalf, Rows, option
from bot.conversation.phrases import say
from bot.conversation.talk import Talk
from workflows.case_file import CaseView
from workflows.policy.permissions import Role

ASKED = "behalf"
RING = "ring"
_HEADS = (Role.BUILDING_HEAD, Role.LIAISON)  # they report for others as a matter of course, and may not be at home


async def ask(talk: Talk, view: CaseView) -> None:
    """After the case was opened: what only its reporter can tell. Nothing waits for the answers."""
    if not view.on_behalf_of:
        return
    if view.consent:
        await _ask_ring(talk, view.id)
        return
    rows: Rows = [
        [option("可以告诉", Behalf(how="tell", case=view.id)), option("先不说", Behalf(how="keep", case=view.id))]
    ]
    talk.dialogue.pending, talk.dialogue.pending_case = ASKED, view.id
    await talk.say("behalf.ask_consent", rows, name=view.on_behalf_of, asks=ASKED)


async def tapped(talk: Talk, how: str, case_id: int) -> None:
    """The answer to either question.

    Raises:
        CaseNotFound: it is none of theirs.
    """
    talk.act(ASKED)
    if how == "mine":
        await _mine(talk, case_id)
        return
    talk.dialogue.pending = ""
    agreed = how == "tell"
    view = await talk.office.cases.agree_to_name(talk.speaker.person_id, case_id, agreed=agreed)
    await talk.say("behalf.told" if agreed else "behalf.untold", name=view.on_behalf_of)
    await _ask_ring(talk, case_id)


async def answered(talk: Talk, text: str) -> bool:
    """可以, 先别说; a number to ring. False when the words are about something else."""
    d = talk.dialogue
    if d.pending == ASKED:
        d.pending = ""
        if words.yes(text) or words.no(text):
            await tapped(talk, "tell" if words.yes(text) else "keep", d.pending_case)
            return True
    elif d.pending == RING:
        d.pending = ""
        if words.rings_me(text):
            await _mine(talk, d.pending_case)
            return True
        if words.telephone(text):
            await _keep(talk, d.pending_case, text.strip()[:80])
            return True
    return False


async def _ask_ring(talk: Talk, case_id: int) -> None:
    if not talk.speaker.has(*_HEADS):
        return
    talk.dialogue.pending, talk.dialogue.pending_case = RING, case_id
    await talk.say("behalf.ask_ring", [[option("打给我", Behalf(how="mine", case=case_id))]], asks=ASKED)


async def _mine(talk: Talk, case_id: int) -> None:
    talk.dialogue.pending = ""
    if not talk.speaker.phone:
        talk.dialogue.pending, talk.dialogue.pending_case = RING, case_id
        await talk.say("behalf.no_number", asks=ASKED)
        return
    await _keep(talk, case_id, f"{talk.speaker.name} {talk.speaker.phone}")


async def _keep(talk: Talk, case_id: int, ring: str) -> None:
    view = await talk.office.cases.ring_first(talk.speaker.person_id, case_id, ring)
    await talk.answer(say("behalf.ring", ring=ring, number=view.number))
