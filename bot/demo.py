"""The demo's chairs: persons of the demo directory, each with a chat of their own on the page."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.web.messenger import CHANNEL
from bot.channels.web.page import Chair
from bot.conversation.cards import ROLE
from workflows.directory import Directory
from workflows.models import Account, Person, Post

# One chair for everybody whom a case meets on its way, in the order in which it meets them.
KEYS = (
    "td-resident", "td-neighbour", "td-grid", "td-branch", "td-property", "td-secretary", "td-water", "td-urban",
    "sq-resident", "sq-neighbour", "sq-grid", "sq-branch", "sq-property", "sq-secretary", "sq-works",
    "qm-resident", "qm-grid", "qm-secretary",
)  # fmt: skip
FIRST_CHAT = 1001


async def seat(session: AsyncSession, directory: Directory) -> list[Chair]:
    """Give every demo person an account of the page, and list the chairs."""
    found = (await session.execute(select(Person).where(Person.key.in_(KEYS)))).scalars()
    persons = {person.key: person for person in found}
    chairs = []
    for index, key in enumerate(KEYS):
        person = persons.get(key)
        if person is None:
            continue
        chat = str(FIRST_CHAT + index)
        known = await session.execute(select(Account.id).where(Account.channel == CHANNEL, Account.chat_key == chat))
        if known.first() is None:
            session.add(Account(community_id=person.community_id, person_id=person.id, channel=CHANNEL, chat_key=chat))
        posts = (
            (
                await session.execute(
                    select(Post).where(Post.person_id == person.id, Post.until.is_(None)).order_by(Post.id)
                )
            )
            .scalars()
            .all()
        )
        roles = "、".join(dict.fromkeys(ROLE[post.role] for post in posts))
        default = "邻居" if key.endswith("neighbour") else "居民"
        chairs.append(
            Chair(chat, person.id, person.name, roles or default, _hint(person, posts, directory), bool(posts))
        )
    await session.flush()
    return chairs


def _hint(person: Person, posts: object, directory: Directory) -> str:
    if person.home_estate_id is not None:
        return directory.address_of(person.home_estate_id, person.home_building, person.home_unit, "").sentence()
    for post in posts if isinstance(posts, list | tuple) else []:
        if post.unit_id is not None:
            return directory.unit(post.unit_id).name
        if post.grid_id is not None:
            return directory.grid(post.grid_id).name
    return directory.community(person.community_id).name
