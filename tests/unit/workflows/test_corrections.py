"""What people put right, on both kinds of database: listed with its origin, decided upon, never half."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from nlu.understanding import INTENTS
from workflows.corrections import RULING, Corrections, NoLabel, NoSuchCandidate
from workflows.database import Database
from workflows.models import Community, Correction

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    opened = Database(migrated_url)
    async with opened.writing() as session:
        community = Community(name="社区", code="SQ", kind="city")
        session.add(community)
        await session.flush()
        for text, understood, corrected in (
            ("楼道里一股味，电话13912345678", "pollution", "sewage"),
            ("井圈碎了", "road_damage", "manhole"),
            ("河边的芦苇没人割", RULING, "呼和浩特市水务局"),
        ):
            session.add(
                Correction(
                    community_id=community.id, text=text, understood=understood, corrected=corrected,
                    capacity="reporter", at=NOON,
                )
            )  # fmt: skip
            await session.flush()
    try:
        yield opened
    finally:
        await opened.close()


async def test_candidates_say_where_they_come_from_and_hide_numbers(database: Database) -> None:
    async with database.reading() as session:
        found = await Corrections(session, NOON).candidates("new")
    assert [(c.id, c.understood, c.corrected, c.community, c.by) for c in found] == [
        (1, "pollution", "sewage", "社区", "reporter"),
        (2, "road_damage", "manhole", "社区", "reporter"),
        (3, RULING, "呼和浩特市水务局", "社区", "reporter"),
    ]
    assert "139****5678" in found[0].text


async def test_what_was_accepted_has_the_persons_intent_or_the_operators(database: Database) -> None:
    async with database.writing() as session:
        corrections = Corrections(session, NOON)
        await corrections.accept([1], known=INTENTS)
        await corrections.accept([3], "greening", known=INTENTS)
        await corrections.reject([2])
    async with database.reading() as session:
        found = await Corrections(session, NOON).candidates("accepted")
        assert [(c.id, c.label) for c in found] == [(1, "sewage"), (3, "greening")]
        assert await Corrections(session, NOON).candidates("new") == []


@pytest.mark.parametrize(
    ("ids", "label", "refusal"), [([1, 3], "", NoLabel), ([1, 99], "", NoSuchCandidate), ([1], "no_such", NoLabel)]
)
async def test_a_wrong_word_changes_nothing_at_all(
    database: Database, ids: list[int], label: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        async with database.writing() as session:
            await Corrections(session, NOON).accept(ids, label, known=INTENTS)
    async with database.reading() as session:
        assert len(await Corrections(session, NOON).candidates("new")) == 3
