"""Who plays: residents and people on duty, on the page and on Telegram, and cases in every state to play with."""

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from bot.app import App
from bot.channels.telegram import CHANNEL as TELEGRAM
from bot.channels.web.messenger import CHANNEL as WEB
from bot.demo import FIRST_CHAT, KEYS
from workflows.cases import NewReport
from workflows.models import Account, Case, Person, Post
from workflows.office import Office
from workflows.policy.lifecycle import Action
from workflows.policy.permissions import Role

# Somebody of every post, on Telegram; the branch secretaries also lead their owners' committee.
ON_TELEGRAM = (
    "td-grid", "td-branch", "td-property", "td-secretary", "td-water", "sq-grid", "sq-grid-2", "sq-branch-2",
    "sq-property", "sq-property-2", "sq-staff-1", "sq-works", "sq-liaison-04", "sq-head-001", "sq-clinic",
)  # fmt: skip
FIRST_STAFF, FIRST_RESIDENT, MANY_POSTS = 600_001, 500_001, 600_900
RESIDENTS_ON_TELEGRAM = 8


@dataclass
class Shown:
    """A button that somebody has in front of them."""

    message_id: int
    data: str
    label: str


@dataclass
class Seat:
    """One chat."""

    channel: str
    chat: str
    on_duty: bool
    shown: deque[Shown] = field(default_factory=lambda: deque(maxlen=60))


async def seats(app: App) -> list[Seat]:
    """Everybody's chat; those of the directory who write on Telegram get an account there."""
    found = [
        Seat(WEB, str(FIRST_CHAT + index), not key.endswith(("resident", "neighbour")))
        for index, key in enumerate(KEYS)
    ]
    async with app.database.writing() as session:
        rows = (await session.execute(select(Person).where(Person.key.in_(ON_TELEGRAM)))).scalars()
        persons = {person.key: person for person in rows}
        for number, key in enumerate(ON_TELEGRAM, FIRST_STAFF):
            person = persons[key]
            session.add(
                Account(community_id=person.community_id, person_id=person.id, channel=TELEGRAM, chat_key=str(number))
            )
            found.append(Seat(TELEGRAM, str(number), on_duty=True))
        await _many_posts(app, session)
        found.append(Seat(TELEGRAM, str(MANY_POSTS), on_duty=True))
    found += [Seat(TELEGRAM, str(FIRST_RESIDENT + n), on_duty=False) for n in range(RESIDENTS_ON_TELEGRAM)]
    return found


async def _many_posts(app: App, session: Any) -> None:
    """One person who is grid worker, property staff, owners' committee and community staff at once."""
    community = app.directory.communities[0].id
    estate = app.directory.estates_of(community)[0]
    person = Person(community_id=community, name="样样都管", created_at=app.clock.now())
    session.add(person)
    await session.flush()
    session.add(Account(community_id=community, person_id=person.id, channel=TELEGRAM, chat_key=str(MANY_POSTS)))
    base: dict[str, Any] = {"community_id": community, "person_id": person.id, "since": app.clock.now()}
    session.add_all(
        [
            Post(
                role=Role.GRID_WORKER, grid_id=estate.grid_id, unit_id=app.directory.branch_of(estate.grid_id), **base
            ),
            Post(role=Role.PROPERTY_STAFF, unit_id=estate.property_unit_id, **base),
            Post(role=Role.COMMITTEE_HEAD, estate_id=estate.id, **base),
            Post(role=Role.COMMUNITY_STAFF, unit_id=app.directory.community_unit(community), **base),
        ]
    )


# ---- cases in every state, brought there by those who may

Step = Callable[[Office, dict[str, int], int], Coroutine[Any, Any, Any]]


def _by_the_clock(action: Action) -> Step:
    async def step(office: Office, _: dict[str, int], case_id: int) -> None:
        await office.file.move(await office.file.case(case_id), action)

    return step


_STEPS: dict[str, Step] = {
    "reminded": _by_the_clock(Action.ASK_AGAIN),
    "silent": _by_the_clock(Action.CLOSE_UNANSWERED),
    "agreed": _by_the_clock(Action.CLOSE_UNFOUNDED),
    "true": lambda o, p, c: o.handling.verify(p["td-grid"], c),
    "untrue": lambda o, p, c: o.handling.not_true(p["td-grid"], c, "去看过，亮着"),
    "ask": lambda o, p, c: o.handling.ask_resident(p["td-grid"], c, "几点在家？"),
    "mine": lambda o, p, c: o.handling.take_on(p["td-grid"], c),
    "up": lambda o, p, c: o.handling.hand_to_community(p["td-grid"], c),
    "cannot": lambda o, p, c: o.handling.cannot_solve(p["td-property"], c, "没有权限"),
    "whistle": lambda o, p, c: o.handling.blow_whistle(p["td-secretary"], c, p["water"], "归你们管", "无照片"),
    "rest": lambda o, p, c: o.suspending.ask(p["td-secretary"], c, "等管道改造", o.now + timedelta(days=30)),
    "plan": lambda o, p, c: o.handling.plan(p["td-water"], c, "下周修", o.now.replace(month=12)),
    "refuse": lambda o, p, c: o.handling.refuse(p["td-water"], c, "不归我们", "园林局"),
    "fixed": lambda o, p, c: o.handling.report_result(p["td-property"], c, "换了灯泡"),
    "seen": lambda o, p, c: o.handling.confirm(p["td-grid"], c),
    "solved": lambda o, p, c: o.cases.judge(p["td-resident"], c, "solved"),
    "partly": lambda o, p, c: o.cases.judge(p["td-resident"], c, "partly", "一半"),
    "not": lambda o, p, c: o.cases.judge(p["td-resident"], c, "not", "没有"),
    "back": lambda o, p, c: o.cases.withdraw(p["td-resident"], c),
    "again": lambda o, p, c: o.cases.reopen(p["td-resident"], c, "又坏了"),
    "joined": lambda o, p, c: o.cases.join(p["td-neighbour"], c, "我家也是"),
}
WAYS = (
    "", "joined", "mine", "ask", "untrue", "true", "true fixed", "true fixed seen", "true fixed seen solved",
    "true fixed seen partly", "true fixed seen not", "true cannot", "true cannot whistle", "true cannot whistle plan",
    "true cannot whistle refuse", "up", "up rest", "back", "back again", "joined back", "true fixed seen solved again",
    "true fixed seen reminded silent", "untrue agreed",
)  # fmt: skip


async def stage(app: App) -> None:
    """One case of each way."""
    async with app.database.writing() as session:
        wanted = [*ON_TELEGRAM, "td-resident", "td-neighbour"]
        rows = (await session.execute(select(Person).where(Person.key.in_(wanted)))).scalars()
        people = {str(person.key): person.id for person in rows}
        office = app.office(session)
        posts = await session.execute(select(Post.unit_id).where(Post.person_id == people["td-water"]))
        people["water"] = int(posts.scalars().one() or 0)
        place = office.directory.locate("富邦小区3号楼2单元", prefer_community=None)
        for way in WAYS:
            view = await office.cases.open(
                NewReport(
                    person_id=people["td-resident"],
                    community_id=office.directory.communities[0].id,
                    category="street_light",
                    text="楼道灯不亮了",
                    address=place,
                )
            )
            for step in way.split():
                await _STEPS[step](office, people, view.id)
            await app.announcer.announce(office)
        await _one_merged(office, session, people["td-secretary"])


async def _one_merged(office: Office, session: Any, secretary: int) -> None:
    """Two open cases of the stage become one."""
    waiting = select(Case.id).where(Case.status == "with_grid_branch").order_by(Case.id).limit(2)
    one, other = (await session.execute(waiting)).scalars().all()
    await office.merging.merge(secretary, one, other)
