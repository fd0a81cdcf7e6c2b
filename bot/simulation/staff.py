"""What staff do with what lies on their desks, by the use cases: they solve, hand on, ask, refuse, or stay silent."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.simulation.agenda import Act
from workflows.models import Case
from workflows.notices import Notice, NoticeKind
from workflows.office import Office
from workflows.policy.lifecycle import Rung, Status
from workflows.policy.permissions import Role

if TYPE_CHECKING:
    from bot.simulation.season import Season

# Who acts at which rung: a reminder also reaches those who only oversee.
RUNG_OF_ROLE: Mapping[str, Rung] = {
    Role.GRID_WORKER: Rung.GRID_BRANCH,
    Role.BRANCH_SECRETARY: Rung.GRID_BRANCH,
    Role.PROPERTY_STAFF: Rung.PROPERTY,
    Role.COMMUNITY_SECRETARY: Rung.COMMUNITY,
    Role.COMMUNITY_STAFF: Rung.COMMUNITY,
    Role.DEPARTMENT_LIAISON: Rung.DEPARTMENT,
}
DESKS = frozenset({NoticeKind.CARD, NoticeKind.RULING, NoticeKind.OVERDUE, NoticeKind.OVERSEE})
STAFF = DESKS | {NoticeKind.CONFIRM, NoticeKind.HELP}


class Staff:
    """Everybody on duty."""

    def __init__(self, season: "Season") -> None:
        self._season = season
        self._agenda = season.agenda
        self._random = season.random

    def hear(self, now: datetime, notice: Notice, row: Case) -> None:
        """One notice to one of them."""
        reaction = _REACTIONS.get(notice.kind)
        if reaction is not None:
            reaction(self, now, notice, row)

    def _at_desk(self, now: datetime, notice: Notice, row: Case) -> None:
        """Whoever has it on their desk decides; some stay silent, and then the clock acts."""
        silent = {Rung.GRID_BRANCH: 0.08, Rung.PROPERTY: 0.12, Rung.COMMUNITY: 0.12, Rung.DEPARTMENT: 0.18}
        rung = Rung(row.rung)
        if row.status == Status.TO_CONFIRM or self._random.random() < silent[rung]:
            return
        choose = {
            Rung.GRID_BRANCH: self._grid_acts,
            Rung.PROPERTY: self._property_acts,
            Rung.COMMUNITY: self._community_acts,
            Rung.DEPARTMENT: self._department_acts,
        }[rung]
        hours = {Rung.GRID_BRANCH: 5, Rung.PROPERTY: 30, Rung.COMMUNITY: 40, Rung.DEPARTMENT: 60}[rung]
        act = choose(notice.to, row)
        self._agenda.mean(self._agenda.later(now, hours), act, row, desk=True)

    def _grid_acts(self, me: int, row: Case) -> Act:
        case_id, chance = row.id, self._random.random()
        stays = self._season.rules.ladder.route(row.category, f"{row.text} {row.place_text}", row.estate_text).works_at
        if chance < 0.05 and not row.verified:
            return lambda office: office.handling.not_true(me, case_id, "现场看了，没有这个情况")
        if chance < 0.10:
            return lambda office: office.handling.ask_resident(me, case_id, "具体在哪个位置？有照片吗？")
        if chance < 0.14 and row.building_id is not None:
            return self._then(lambda office: office.handling.ask_building_head(me, case_id), me, case_id)
        if chance < 0.30 or stays is Rung.GRID_BRANCH:
            return lambda office: office.handling.report_result(me, case_id, "现场处理好了")
        if chance < 0.35:
            return self._then(lambda office: office.handling.take_on(me, case_id), me, case_id)
        return lambda office: office.handling.verify(me, case_id)

    def _property_acts(self, me: int, row: Case) -> Act:
        case_id, chance = row.id, self._random.random()
        if chance < 0.18:
            return lambda office: office.handling.cannot_solve(me, case_id, "不在物业维修范围，解决不了")
        if chance < 0.40:
            return self._then(lambda office: office.handling.accept(me, case_id, "行，下午派人去看"), me, case_id)
        if chance < 0.43:
            return lambda office: office.handling.ask_resident(me, case_id, "家里什么时候有人？")
        return lambda office: office.handling.report_result(me, case_id, "维修好了")

    def _community_acts(self, me: int, row: Case) -> Act:
        case_id, chance = row.id, self._random.random()
        if chance < 0.25:
            return self._then(lambda office: office.handling.convene(me, case_id, "物业、居民、施工方"), me, case_id)
        if chance < 0.50:
            return lambda office: office.handling.report_result(me, case_id, "社区协调解决了")
        if chance < 0.55 and row.about_unit_id is None:
            return lambda office: office.handling.hand_to_property(me, case_id, "请物业先处理")
        return self._whistle(me, row)

    def _whistle(self, me: int, row: Case) -> Act:
        case_id = row.id
        others = [unit.id for unit in self._season.directory.departments_for(row.community_id, row.category)]
        if row.refusals:  # a ruling: another one than the one that has refused
            others = [unit for unit in others if unit != row.department_unit_id]
        department = self._random.choice(others) if others and row.refusals else row.department_unit_id
        if department is None:
            return lambda office: office.handling.report_result(me, case_id, "社区协调解决了")
        chosen: int = department
        return lambda office: office.handling.blow_whistle(
            me, case_id, chosen, "超出社区自治权限", "现场已查看，无照片"
        )

    def _department_acts(self, me: int, row: Case) -> Act:
        case_id, chance = row.id, self._random.random()
        if chance < 0.16:
            return lambda office: office.handling.refuse(me, case_id, "不属于我单位职责", "建议由其他部门负责")
        if chance < 0.30:
            days = self._random.randint(3, 14)
            return self._then(
                lambda office: office.handling.plan(me, case_id, "已列入计划", office.now + timedelta(days=days)),
                me,
                case_id,
                hours=24.0 * days,
            )
        return lambda office: office.handling.report_result(me, case_id, "已派人处理完毕")

    def _then(self, first: Act, me: int, case_id: int, hours: float = 24) -> Act:
        """Do something that leaves it on the desk, and mean to finish it later (or forget)."""

        async def act(office: Office) -> None:
            await first(office)
            row = await office.session.get_one(Case, case_id)
            if self._random.random() < 0.85:
                self._agenda.mean(self._agenda.later(office.now, hours), self._finish(me, row), row, desk=True)

        return act

    def _finish(self, me: int, row: Case) -> Act:
        case_id = row.id
        if row.rung == Rung.COMMUNITY:
            return lambda office: office.handling.agree(me, case_id, "几方商量好了，调整方案，本周完工")
        return lambda office: office.handling.report_result(me, case_id, "处理好了")

    def _look(self, now: datetime, notice: Notice, row: Case) -> None:
        """The witness goes there."""
        me, case_id, chance = notice.to, row.id, self._random.random()
        if chance < 0.08:
            return

        async def act(office: Office) -> None:
            if chance < 0.16:
                await office.handling.not_fixed(me, case_id, "现场看还没弄好")
            else:
                await office.handling.confirm(me, case_id, "现场看过，弄好了")

        self._agenda.mean(self._agenda.later(now, 10), act, row)

    def _oversee(self, now: datetime, notice: Notice, row: Case) -> None:
        if self._random.random() < 0.6:
            self._at_desk(now, notice, row)

    def _help(self, now: datetime, notice: Notice, row: Case) -> None:
        me, case_id = notice.to, row.id
        if self._random.random() < 0.7:
            self._agenda.mean(
                self._agenda.later(now, 8), lambda office: office.handling.comment(me, case_id, "去看过了，确实有"), row
            )


_REACTIONS: Mapping[NoticeKind, Callable[[Staff, datetime, Notice, Case], None]] = {
    NoticeKind.CARD: Staff._at_desk,
    NoticeKind.RULING: Staff._at_desk,
    NoticeKind.OVERDUE: Staff._oversee,
    NoticeKind.OVERSEE: Staff._oversee,
    NoticeKind.CONFIRM: Staff._look,
    NoticeKind.HELP: Staff._help,
}
