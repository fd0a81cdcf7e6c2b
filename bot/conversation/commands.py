"""Commands: start, join, help, my cases, desk, menu, digest, home."""

from datetime import timedelta

from bot.conversation import digest_text, resident, staff
from bot.conversation.digest_buttons import digest_rows
from bot.conversation.digest_words import frequency_asked
from bot.conversation.phrases import say
from bot.conversation.talk import Talk
from workflows.console.viewer import CONSOLE_ROLES
from workflows.digest import Week
from workflows.people import InvitationRefused
from workflows.policy.frequency import Frequency
from workflows.policy.permissions import Role
from workflows.refusals import Why
from workflows.sign_in import VALID

TITLES = {
    "/menu": "按类别反映",
    "/cases": "我的诉求",
    "/digest": "简报",
    "/home": "我家在哪",
    "/elder": "长辈版",
    "/help": "怎么用",
}
STAFF_TITLES = {
    "/desk": "手头的事",
    "/patrol": "巡查",
    "/upkeep": "定期维护",
    "/console": "工作台",
    "/digest": "简报",
    "/cases": "我的诉求",
    "/help": "怎么用",
}


async def run(talk: Talk, text: str) -> None:  # noqa: C901 - a list of commands
    """A line that begins with a slash."""
    name, _, rest = text[1:].partition(" ")
    name, rest = name.split("@")[0].lower(), rest.strip()
    talk.act("command")
    talk.dialogue.pending = ""
    match name:
        case "start" if rest:
            await join(talk, rest)
        case "start":
            await hello(talk)
        case "join":
            await join(talk, rest)
        case "help":
            await help_(talk)
        case "cases":
            await resident.progress(talk)
        case "menu":
            await resident.menu(talk)
        case "desk":
            await staff.desk(talk)
        case "digest":
            await digest(talk, rest)
        case "patrol" | "巡查":
            await staff.patrol.command(talk, rest)
        case "precedents" | "判例" | "归属":
            await staff.whistling.precedents(talk, rest)
        case "rules" | "规则":
            await staff.whistling.rules(talk)
        case "upkeep" | "维护":
            await staff.rounds.plans(talk)
        case "home":
            await home(talk, rest)
        case "invite":
            await invite(talk, rest)
        case "console":
            await console(talk)
        case _:
            await talk.say("unknown.command")


_HELP_OF = {
    Role.GRID_WORKER: "help.grid",
    Role.BRANCH_SECRETARY: "help.grid",
    Role.BUILDING_HEAD: "help.head",
    Role.LIAISON: "help.head",
    Role.PROPERTY_STAFF: "help.property",
    Role.COMMUNITY_SECRETARY: "help.community",
    Role.COMMUNITY_STAFF: "help.community",
    Role.DEPARTMENT_LIAISON: "help.department",
}


async def help_(talk: Talk) -> None:
    """How it is used from this chair: one's posts first, then what everybody may do."""
    keys = dict.fromkeys(_HELP_OF[d.role] for d in talk.speaker.duties if d.role in _HELP_OF)
    if not keys:
        await talk.say("help")
        return
    await talk.answer("\n".join([*(say(key) for key in keys), say("help.staff")]))


async def hello(talk: Talk) -> None:
    """The first words in a chat."""
    if talk.speaker.staff:
        await talk.say("hello_staff", name=talk.speaker.name, posts=talk.speaker.posts(talk.directory))
        return
    await talk.say("hello", community=talk.directory.community(talk.speaker.community_id).name)


_OF_INVITATION = {
    "join.unknown": Why.INVITATION_UNKNOWN,
    "join.used": Why.INVITATION_USED,
    "join.expired": Why.INVITATION_EXPIRED,
}


async def join(talk: Talk, code: str) -> None:
    """Take up a post with a one-time code."""
    if not code:
        await talk.say("join.ask")
        return
    try:
        person = await talk.office.people.join(code, talk.speaker.account_id)
    except InvitationRefused as refused:
        await talk.refuse(_OF_INVITATION[refused.phrase], "join")
        await talk.say(refused.phrase)
        return
    posts = await talk.office.people.posts(person.id)
    names = dict.fromkeys(digest_text.ROLE[post.role] for post in posts)
    await talk.say("join.done", name=person.name, posts="、".join(names) or "居民")


async def invite(talk: Talk, name: str) -> None:
    """The secretary hands out a one-time code for somebody in the directory."""
    mine = [d.community_id for d in talk.speaker.duties if d.role is Role.COMMUNITY_SECRETARY]
    if not mine:
        await talk.refuse(Why.MAY_NOT_INVITE, "invite")
        await talk.say("invite.not_allowed")
        return
    if not name:
        await talk.say("invite.who")
        return
    person = await talk.office.people.named_with_post(name, mine)
    if person is None:
        await talk.say("invite.nobody", name=name[:20])
        return
    days = talk.settings.staff.invitation_days
    code = await talk.office.people.invite(person.id, talk.speaker.person_id, timedelta(days=days))
    posts = await talk.office.people.posts(person.id)
    await talk.say(
        "invite.made",
        name=person.name,
        posts="、".join(dict.fromkeys(digest_text.ROLE[post.role] for post in posts)),
        code=code,
        days=days,
        link=f"{talk.settings.server.public_url}/?join={code}",
    )


async def console(talk: Talk) -> None:
    """A one-time link to the console, for those whose post it is for."""
    talk.act("command")
    if not talk.settings.console.enabled:
        await talk.say("console.off")
        return
    if not talk.speaker.has(*CONSOLE_ROLES):
        await talk.say("console.none")
        return
    token = await talk.office.sign_ins.issue(talk.speaker.person_id)
    await talk.say("console.link", link=f"{talk.settings.console_url}/in/{token}", minutes=VALID.seconds // 60)


async def home(talk: Talk, text: str) -> None:
    """Where somebody lives: offered when a report names no place."""
    if not text:
        await resident.known_home(talk)
        return
    found = talk.directory.locate(text, prefer_community=talk.speaker.community_id)
    if not found.routable or found.estate_id is None:
        await talk.say("home.unknown")
        return
    await talk.office.people.set_home(talk.speaker.person_id, found)
    await talk.say("home.kept", home=found.sentence())
    await resident.home_is_known(talk, found)


async def digest(talk: Talk, rest: str) -> None:
    """The week so far, for each of this person's posts; or how often it shall come: 停, 每两周, 每月, 恢复."""
    how = _OFTEN.get(rest) or frequency_asked(rest, bare=True)
    if how is not None:
        await digest_often(talk, how.value)
        return
    me = talk.speaker.person_id
    week = Week.of(talk.now, talk.zone)
    running = rest in ("本周", "这周")
    digests = talk.office.digests
    found = await (digests.for_person(me, week) if running else digests.asked_for(me))
    for one in found:
        short, detail = digest_text.render(one, running=week.key)
        await talk.answer(short, digest_rows(one, detail=bool(detail)))
    if not found:
        await talk.say("digest.none")


_OFTEN = {
    **dict.fromkeys(("停", "停发", "off", "不要", "不要了"), Frequency.OFF),
    **dict.fromkeys(("恢复", "订", "on"), Frequency.WEEKLY),
}


async def digest_often(talk: Talk, how: str) -> None:
    """Keep how often somebody wants their digests, and say so; said again it changes nothing. A question stays asked."""
    talk.act("digest_often")
    if how not in list(Frequency):  # forged
        await talk.refuse(Why.MALFORMED, "digest")
        await talk.say("stale", why=say("digest.how"))
        return
    await talk.office.people.set_digest(talk.speaker.person_id, how)
    said = [say(f"digest.often.{how}")]
    if how != Frequency.WEEKLY:
        said.append(say("digest.stays.staff" if talk.speaker.staff else "digest.stays"))
    await talk.answer("\n".join(said), asks=talk.dialogue.asked)


async def digest_more(talk: Talk, audience: str, key: str) -> None:
    """The details of a digest, after a tap. Computed for whoever taps, from their own posts."""
    try:
        week = Week.parse(key, talk.zone)
    except (ValueError, OverflowError):  # forged
        await talk.refuse(Why.MALFORMED, "digest")
        await talk.say("digest.none")
        return
    for one in await talk.office.digests.for_person(talk.speaker.person_id, week):
        detail = digest_text.render(one)[1]
        if digest_text.audience(one) == audience and detail:
            await talk.answer(detail)
            return
    await talk.say("digest.none")
