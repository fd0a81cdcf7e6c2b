"""别说是我说的: of the report in hand or of a case that was opened before, by itself or among other words."""

from collections.abc import Sequence

from bot.conversation.phrases import say
from bot.conversation.resident.message import photos
from bot.conversation.talk import Talk
from workflows.case_file import CaseView
from workflows.policy import confidence
from workflows.policy.lifecycle import Rung

ACT = "confidential"
LIFT = "lift_secrecy"
_MORE = 4  # letters beside 不用保密了 that tell something


async def keep(talk: Talk, case_id: int) -> None:
    """One case of theirs, from now on; what went out before is said."""
    before = await talk.office.cases.look(talk.speaker.person_id, case_id)
    await talk.office.cases.keep_in_confidence(talk.speaker.person_id, case_id)
    seen = _seen_by(before)
    late = "\n" + say("confidential.before", who=seen) if seen and not before.confidential else ""
    await talk.answer(say("confidential.kept") + late)


async def lift(talk: Talk, text: str, views: Sequence[CaseView]) -> None:
    """不用保密了. What was withheld stays so: their words may tell of others, who never agreed. The case goes on."""
    talk.act(LIFT)
    d = talk.dialogue
    if d.draft is not None and d.draft.texts:
        secret = d.draft.confidential or confidence.wanted(d.draft.text)
        await talk.say("confidential.stays.draft" if secret else "confidential.none", asks=d.asked)
        return
    secret_ones = [view for view in views if view.open and view.confidential]
    if not secret_ones:
        await talk.say("confidential.none")
        return
    if len(secret_ones) == 1 and len(confidence.beside_lifting(text)) >= _MORE:
        await talk.office.cases.add(talk.speaker.person_id, secret_ones[0].id, text, photos(talk))
    await talk.say("confidential.stays", numbers="".join(f"【{view.number}】" for view in secret_ones))


async def add(talk: Talk, case_id: int, text: str, shown: Sequence[str], *, secret: bool = False) -> CaseView:
    """Words for a case of theirs. Who asks for secrecy among them, or did before, has it before they are written down."""
    cases, me = talk.office.cases, talk.speaker.person_id
    if secret or confidence.wanted(text):
        await cases.keep_in_confidence(me, case_id)
        talk.beneath.append(say("confidential.kept"))
    return await cases.add(me, case_id, text, shown)


def _seen_by(view: CaseView) -> str:
    """Who outside the circle has it now, and so has read its card."""
    return view.holder if view.rung in (Rung.PROPERTY, Rung.DEPARTMENT) else ""
