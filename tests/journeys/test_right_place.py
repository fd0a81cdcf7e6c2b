"""A case whose place is put right goes to those of the right place, whoever had it in hand; both sides are told."""

import pytest

from tests.town import Town
from workflows.cases import NewReport
from workflows.models import Case
from workflows.policy.lifecycle import Action, Rung, Status

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

RESIDENT, GRID, PROPERTY = "td-resident", "td-grid", "td-property"


async def lamp(town: Town) -> Case:
    person = await town.person(RESIDENT)
    async with town.app.database.writing() as session:
        office = town.app.office(session)
        where = town.app.directory.locate("富邦小区3号楼2单元", prefer_community=person.community_id)
        view = await office.cases.open(NewReport(person.id, person.community_id, "street_light", "楼道灯不亮", where))
        await town.app.announcer.announce(office)
        return await office.file.case(view.id)


async def moved(town: Town, case: Case, to: str) -> Case:
    """The resident puts the place right."""
    person = await town.person(RESIDENT)
    async with town.app.database.writing() as session:
        office = town.app.office(session)
        where = town.app.directory.locate(to, prefer_community=case.community_id)
        assert where.grid_id is not None
        await office.cases.relocate(person.id, case.id, where)
        await town.app.announcer.announce(office)
    await town.settled()
    return (await town.cases(Case.id == case.id))[0]


def another_estate(town: Town, case: Case) -> str:
    """An estate of the same community in another grid, with another property company."""
    directory = town.app.directory
    for estate in directory.estates_of(case.community_id):
        if estate.grid_id != case.grid_id and directory.property_of(estate.id) != directory.property_of(
            case.estate_id or 0
        ):
            return estate.name
    raise AssertionError("the demo has no other estate")


@pytest.mark.parametrize("stage", ["new", "taken on", "with the property", "waiting for the resident"])
async def test_it_goes_to_the_branch_of_the_right_place(town: Town, stage: str) -> None:
    case = await lamp(town)
    people = {key: (await town.person(key)).id for key in (GRID, PROPERTY)}
    async with town.app.database.writing() as session:
        handling = town.app.office(session).handling
        if stage == "taken on":
            await handling.take_on(people[GRID], case.id)
        if stage in ("with the property", "waiting for the resident"):
            await handling.verify(people[GRID], case.id)
        if stage == "waiting for the resident":
            await handling.ask_resident(people[PROPERTY], case.id, "哪一层？")
    await town.settled()
    old = PROPERTY if stage in ("with the property", "waiting for the resident") else GRID
    await town.heard(old)
    there = await moved(town, case, f"{another_estate(town, case)}1号楼")
    directory = town.app.directory
    assert (there.rung, there.status, there.verified) == (Rung.GRID_BRANCH, Status.WITH_GRID, False)
    assert there.grid_id != case.grid_id and there.paused_at is None
    assert there.holder_unit_id == directory.branch_of(there.grid_id or 0)
    assert (await town.actions(there))[-2:] == [Action.RELOCATE, Action.ROUTE]
    assert "不用再办" in await town.heard(old)
    assert there.rung_due_at > town.clock.now() and there.whole_due_at == case.whole_due_at
    await town.keeps_its_promises()


async def test_within_the_same_hands_it_stays_where_it_is(town: Town) -> None:
    case = await lamp(town)
    grid = await town.person(GRID)
    async with town.app.database.writing() as session:
        await town.app.office(session).handling.verify(grid.id, case.id)
    before = (await town.cases())[0]
    there = await moved(town, case, "富邦小区5号楼1单元")
    assert (there.status, there.holder_unit_id, there.verified) == (before.status, before.holder_unit_id, True)
    assert "更正了类别或地点" in await town.heard(PROPERTY)
