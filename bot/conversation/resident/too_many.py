"""As many new matters in a day as one person can have: then a person is told, and nothing is taken in silence."""

from bot.conversation import cards
from bot.conversation.phrases import say
from bot.conversation.talk import Talk


async def too_many_cases(talk: Talk) -> bool:
    """Whether this person has reported as many new matters as one may in a day; says so, and when they may go on."""
    if not talk.settings.limited:
        return False
    allowance = talk.settings.limits.of(staff=talk.speaker.staff)
    until = await talk.office.limits.cases_until(talk.speaker.person_id, allowance)
    if until is None:
        return False
    phone = talk.directory.community(talk.speaker.community_id).phone
    await talk.say(
        "limit.cases",
        n=allowance.cases_per_day,
        when=cards.moment(until, talk.now, talk.zone),
        phone=say("limit.phone", phone=phone) if phone else "",
    )
    return True
