"""One-time links to the console, on both kinds of database: once, soon, and only for people on duty."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from workflows.database import Database
from workflows.models import Community, Person, Post, SignIn
from workflows.policy.permissions import Role
from workflows.sign_in import VALID, Denied, NoPost, SignIns

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
WORKER, RESIDENT = 1, 2


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    opened = Database(migrated_url)
    async with opened.writing() as session:
        session.add(Community(id=1, name="社区", code="SQ", kind="city"))
        await session.flush()
        session.add_all(Person(id=i, community_id=1, name=f"人{i}", created_at=NOON) for i in (WORKER, RESIDENT))
        await session.flush()
        session.add(Post(community_id=1, person_id=WORKER, role=Role.GRID_WORKER, since=NOON))
    try:
        yield opened
    finally:
        await opened.close()


async def issued(database: Database, now: datetime = NOON) -> str:
    async with database.writing() as session:
        return await SignIns(session, now).issue(WORKER)


async def redeemed(database: Database, token: str, now: datetime = NOON) -> int | Denied:
    async with database.writing() as session:
        return await SignIns(session, now).redeem(token)


async def test_a_link_opens_once_and_never_again(database: Database) -> None:
    token = await issued(database)
    assert await redeemed(database, token) == WORKER
    assert await redeemed(database, token) is Denied.USED


async def test_a_link_lasts_ten_minutes(database: Database) -> None:
    assert timedelta(minutes=10) == VALID
    token = await issued(database)
    assert await redeemed(database, token, NOON + VALID) is Denied.EXPIRED
    assert await redeemed(database, token, NOON + VALID - timedelta(seconds=1)) == WORKER


@pytest.mark.parametrize("forged", ["", "x", "汉字", "\udcff", "' OR 1=1 --", "a" * 10_000])
async def test_what_was_never_issued_opens_nothing(database: Database, forged: str) -> None:
    await issued(database)
    assert await redeemed(database, forged) is Denied.UNKNOWN


async def test_a_newer_link_replaces_the_older(database: Database) -> None:
    first, second = await issued(database), await issued(database)
    assert await redeemed(database, first) is Denied.USED
    assert await redeemed(database, second) == WORKER


async def test_who_lost_the_post_meanwhile_stays_outside(database: Database) -> None:
    token = await issued(database)
    async with database.writing() as session:
        await session.execute(update(Post).values(until=NOON))
    assert await redeemed(database, token) is Denied.NO_POST
    with pytest.raises(NoPost):
        await issued(database)


async def test_residents_and_nobody_get_no_link(database: Database) -> None:
    for person_id, refusal in ((RESIDENT, NoPost), (99, LookupError)):
        with pytest.raises(refusal):
            async with database.writing() as session:
                await SignIns(session, NOON).issue(person_id)
    async with database.reading() as session:
        assert (await session.execute(select(SignIn))).first() is None


async def test_the_token_itself_is_nowhere_in_the_database(database: Database) -> None:
    token = await issued(database)
    async with database.reading() as session:
        row = (await session.execute(select(SignIn))).scalar_one()
        assert len(token) >= 40 and token not in {str(value) for value in vars(row).values()}


async def test_of_many_who_open_it_at_once_one_gets_in(database: Database) -> None:
    token = await issued(database)
    found = await asyncio.gather(*(redeemed(database, token) for _ in range(8)))
    assert sorted(map(str, found)) == sorted([str(WORKER), *["used"] * 7])
