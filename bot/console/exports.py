"""Everything that the pages show, as CSV or XLSX: the same use cases, in one reading transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from bot.console import wording
from bot.console.lists import query_of
from bot.console.numbers import compares, days_of, span_of, weeks_of
from bot.console.rulings import sought_of
from bot.console.visit import Console, Visit
from bot.conversation import cards
from bot.conversation.phrases import everything
from workflows.case_file import CaseNotFound
from workflows.console import audit, learning, roster, rounds, rulings
from workflows.console.audit import Deed
from workflows.console.board import board
from workflows.console.case_page import case_page
from workflows.console.desk import desk
from workflows.console.exporting import MOST_ROWS, Cell, Table, as_csv, as_xlsx, blocks, spooled
from workflows.console.measuring import measured, outcome, weekly
from workflows.console.neighbourhood import heat
from workflows.console.rows import CaseRow
from workflows.console.searching import everything as everything_found
from workflows.policy.measures import Measures, Share

CASE_COLUMNS = (
    "编号", "类别", "地点", "诉求", "状态", "层级", "负责", "反映时间", "这一步时限", "这一步超时", "全程时限", "全程超时",
    "了结时间", "退回次数", "部门退回次数", "未诉先办", "挂账到", "挂账理由",
)  # fmt: skip
MIME = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
Tables = Callable[[Visit], Awaitable[list[Table]]]


class Exports:
    """Tables to take along. The log says who took which."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tables: Mapping[str, tuple[str, Tables]] = {
            "board": ("看板", _board),
            "desk": ("待办", _desk),
            "case": ("诉求经过", _case),
            "measures": ("指标", _measures),
            "weeks": ("逐周类别", _weeks),
            "hotline": ("12345对照", _hotline),
            "map": ("地图", _map),
            "posts": ("岗位", _posts),
            "corrections": ("识别更正", _corrections),
            "phrases": ("话术", _phrases),
            "routes": ("分派规则", _routes),
            "audit": ("日志", _audit),
            "upkeep": ("定期维护", _upkeep),
            "rulings": ("归属裁定", _rulings),
        }

    def add_to(self, router: APIRouter) -> None:
        """The routes."""
        router.add_api_route("/export/{what}.{form}", self.export, methods=["GET"])

    async def export(self, request: Request, what: str, form: str) -> Response:
        """One page's tables, with the page's own parameters."""
        if (what not in self._tables and what != "search") or form not in MIME:
            raise CaseNotFound(what)
        if what == "search":
            return await self._found(request, form)
        title, tables_of = self._tables[what]
        zone = self._console.settings.zone
        async with self._console.looking(request) as visit:
            tables = await tables_of(visit)
            community = visit.office.directory.community(visit.viewer.community_id).name
            today = wording.local(visit.office.now, zone)[:10]
        rows = sum(len(table.rows) for table in tables)
        async with self._console.transaction() as office:
            case_id = visit.number(visit.asked("case")) if what == "case" else None
            audit.note(office, visit.viewer, Deed.EXPORT, f"{title} {form.upper()}，{rows}行", case_id=case_id)
        # Another thread: the chats must not wait for some thousand rows.
        if form == "csv":
            content = b"\r\n".join([await asyncio.to_thread(as_csv, table, zone) for table in tables])
        else:
            content = await asyncio.to_thread(as_xlsx, tables, zone)
        return Response(content, media_type=MIME[form], headers=as_file(f"{community}-{title}-{today}.{form}"))

    async def _found(self, request: Request, form: str) -> Response:
        """All that a search finds, which may be 100,000 cases: through a file, a few thousand at a time."""
        zone, rows = self._console.settings.zone, 0
        async with self._console.looking(request) as visit:
            query, _ = query_of(visit)
            community = visit.office.directory.community(visit.viewer.community_id).name
            today = wording.local(visit.office.now, zone)[:10]
            async with spooled(form, "诉求", (*CASE_COLUMNS, "反映人数"), zone) as (spool, file):
                async for chunk in everything_found(visit.office, visit.viewer, query):
                    left = MOST_ROWS - rows
                    await spool.write([[*_case_cells(row), reporters] for row, reporters in chunk[:left]])
                    rows += min(left, len(chunk))
                    if rows >= MOST_ROWS:
                        break
        async with self._console.transaction() as office:
            audit.note(office, visit.viewer, Deed.EXPORT, f"诉求 {form.upper()}，{rows}行")
        headers = as_file(f"{community}-诉求-{today}.{form}")
        headers["Content-Length"] = str(file.seek(0, 2))
        return StreamingResponse(blocks(file), media_type=MIME[form], headers=headers)


def as_file(name: str) -> dict[str, str]:
    """The headers by which a browser keeps an answer as a file of this name."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}", "Cache-Control": "no-store"}


# ---- each page's tables


def _case_cells(row: CaseRow) -> list[Cell]:
    return [
        row.number, row.category_name, row.place, row.text, cards.STATE[row.status], wording.RUNG[row.rung], row.holder,
        row.opened_at, row.rung_due_at if row.open else None, "是" if row.late_step else "", row.whole_due_at,
        "是" if row.late_whole else "", row.closed_at, row.reopened, row.refusals, "是" if row.proactive else "",
        row.rests_until, row.rests_because,
    ]  # fmt: skip


async def _board(visit: Visit) -> list[Table]:
    visit.viewer.needs_office()
    columns = await board(visit.office, visit.viewer, shown=None)
    rows = [[wording.LANE[column.lane], *_case_cells(row)] for column in columns for row in column.rows]
    return [Table("看板", ("栏", *CASE_COLUMNS), rows)]


async def _desk(visit: Visit) -> list[Table]:
    found = await desk(visit.office, visit.viewer, shown=None)
    rows = [["我的", *_case_cells(row)] for row in found.mine] + [
        ["别处在办", *_case_cells(row)] for row in found.elsewhere
    ]
    return [Table("待办", ("归谁", *CASE_COLUMNS), rows)]


async def _case(visit: Visit) -> list[Table]:
    page = await case_page(visit.office, visit.viewer, visit.number(visit.asked("case")) or 0)
    history: list[list[Cell]] = [
        [line.at, wording.actor(line), cards.deed(line.action), wording.handed_to(line), line.note]
        for line in page.lines
    ]
    people: list[list[Cell]] = [
        [one.name, one.phone, one.on_behalf_of, one.joined_at, wording.VERDICT[one.verdict]] for one in page.waiting
    ]
    tables = [
        Table("诉求", CASE_COLUMNS, [_case_cells(page.row)]),
        Table("经过", ("时间", "谁", "做了什么", "交给", "说明"), history),
    ]
    return [*tables, Table("反映人", ("姓名", "电话", "代谁反映", "时间", "评价"), people)] if page.named else tables


def measure_rows(measures: Measures) -> list[tuple[str, int | str, str]]:
    """(name, number, share as so many of so many) of every measure, in the page's order."""

    def share(name: str, value: Share) -> tuple[str, int | str, str]:
        return name, wording.percent(value), f"{value.part}/{value.whole}"

    return [
        ("新增", measures.opened, ""),
        ("其中未诉先办", measures.proactive, ""),
        ("办结", measures.closed, ""),
        ("居民说解决了", measures.solved, ""),
        ("没有答复办结", measures.unanswered, ""),
        ("不属实", measures.unfounded, ""),
        ("撤回", measures.withdrawn, ""),
        ("并案", measures.merged, ""),
        ("期末没办完", measures.open, ""),
        ("期末全程超时", measures.overdue, ""),
        ("期末这一步超时", measures.overdue_step, ""),
        share("按时率", measures.on_time),
        share("答复率", measures.response),
        share("满意率", measures.satisfaction),
        share("首层解决率", measures.first_rung_solved),
        share("退回率", measures.sent_back),
        ("30天内同处再报", measures.repeats, ""),
        share("吹哨率", measures.whistling),
        ("吹哨", measures.whistles, ""),
        ("部门答复已办", measures.whistles_solved, ""),
        ("部门答复有计划", measures.whistles_planned, ""),
        ("部门退回", measures.whistles_refused, ""),
        ("期末在部门", measures.whistles_open, ""),
        ("期末在部门超时", measures.with_department_overdue, ""),
        ("期末在部门有计划", measures.with_department_planned, ""),
        ("网格申请吹哨", measures.whistles_asked, ""),
        ("审核退回问一句", measures.whistles_sent_back, ""),
        ("审核后社区自己办", measures.whistles_kept, ""),
        ("部门由链接答复", measures.links_answered, ""),
        ("居民退回", measures.reopened, ""),
        ("解决后又犯", measures.recurrences, ""),
        ("挂账", measures.suspended, ""),
        ("巡查趟数", measures.patrols, ""),
        ("巡查没发现问题的趟数", measures.patrols_clean, ""),
        ("定期维护到期", measures.upkeep_due, ""),
        ("定期维护做了", measures.upkeep_done, ""),
        ("定期维护漏了", measures.upkeep_missed, ""),
    ]


async def _measures(visit: Visit) -> list[Table]:
    span, _ = span_of(visit)
    found = await measured(visit.office, visit.viewer, span, compare=compares(visit, span))
    names = visit.office.rules.categories
    rows: list[list[Cell]] = []
    before = measure_rows(found.before) if found.before is not None else []
    for number, (name, value, share) in enumerate(measure_rows(found.now)):
        rows.append([name, value, share, *(before[number][1:] if before else ("", ""))])
    now = found.now
    return [
        Table(f"指标 {span.key}", ("指标", "数", "几分之几", "前一期", "前一期几分之几"), rows),
        Table("类别", ("类别", "新增"), [[names.get(code, code), n] for code, n in _most(now.by_category)]),
        Table("小区", ("小区", "新增"), [[name or "其他地点", n] for name, n in _most(now.by_estate)]),
        Table("部门退回", ("部门", "退回"), [[name, n] for name, n in _most(now.refused_by)]),
        Table(
            "同处再报",
            ("类别", "小区", "楼栋", "地点", "次数"),
            [[names.get(p.category, p.category), p.estate, p.building, p.place, p.number] for p in found.repeat_places],
        ),
    ]


def _most(numbers: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(numbers.items(), key=lambda item: (-item[1], item[0]))


async def _weeks(visit: Visit) -> list[Table]:
    found = await weekly(visit.office, visit.viewer, weeks_of(visit))
    names = visit.office.rules.categories
    rows: list[list[Cell]] = [[names.get(code, code), *numbers, sum(numbers)] for code, numbers in found.rows]
    rows.append(["合计", *found.totals, sum(found.totals)])
    return [Table("逐周类别", ("类别", *(week.key for week in found.weeks), "合计"), rows)]


async def _hotline(visit: Visit) -> list[Table]:
    rows: list[list[Cell]] = [
        [m.month, m.calls, m.opened, wording.percent(m.response), wording.percent(m.satisfaction)]
        for m in await outcome(visit.office, visit.viewer)
    ]
    return [Table("12345对照", ("月份", "12345来电", "小哨诉求", "答复率", "满意率"), rows)]


async def _map(visit: Visit) -> list[Table]:
    found = await heat(visit.office, visit.viewer, days_of(visit), visit.asked("category"))
    rows: list[list[Cell]] = [
        [grid.name, place.name, place.opened, place.open] for grid in found.grids for place in grid.places
    ]
    return [Table(f"近{found.days}天", ("网格", "小区", "新增", "其中没办完"), rows)]


async def _posts(visit: Visit) -> list[Table]:
    rows: list[list[Cell]] = [
        [line.name, line.phone, cards.ROLE[line.role], line.where, line.since, "是" if line.joined else "还没有"]
        for line in await roster.posts(visit.office, visit.viewer, visit.asked("role"))
    ]
    return [Table("岗位", ("姓名", "电话", "岗位", "范围", "自", "已加入"), rows)]


async def _corrections(visit: Visit) -> list[Table]:
    names = visit.office.rules.categories
    rows: list[list[Cell]] = [
        [one.id, one.text, names.get(one.understood, one.understood), names.get(one.corrected, one.corrected),
         cards.ROLE.get(one.by, one.by), one.case_number, one.at, wording.CORRECTION[one.state], one.label]
        for one in await learning.candidates(visit.office, visit.viewer, visit.asked("state"), limit=None)
    ]  # fmt: skip
    return [Table("识别更正", ("编号", "原话", "识别为", "更正为", "谁更正", "诉求", "时间", "状态", "采用为"), rows)]


async def _phrases(visit: Visit) -> list[Table]:
    visit.viewer.needs_office()
    return [Table("话术", ("键", "原文"), [[key, text] for key, text in everything().items()])]


async def _routes(visit: Visit) -> list[Table]:
    visit.viewer.needs_office()
    names = visit.office.rules.categories
    rows: list[list[Cell]] = [
        [number, "、".join(names[code] for code in sorted(route.categories)) or "全部", "、".join(route.words),
         "、".join(sorted(route.estates)), wording.RUNG[route.works_at], route.department]
        for number, route in enumerate(visit.office.rules.ladder.routes, start=1)
    ]  # fmt: skip
    return [Table("分派规则", ("次序", "类别", "字眼", "小区", "由谁办", "部门"), rows)]


async def _audit(visit: Visit) -> list[Table]:
    lines = await audit.entries(visit.office, visit.viewer, deed=visit.asked("deed"), limit=None)
    rows: list[list[Cell]] = [
        [line.at, line.who, wording.DEED[line.deed], line.case_number, line.subject] for line in lines
    ]
    return [Table("日志", ("时间", "谁", "做了什么", "诉求", "说明"), rows)]


async def _upkeep(visit: Visit) -> list[Table]:
    rows: list[list[Cell]] = [
        [plan.number, plan.work, plan.place, wording.rhythm(plan), plan.unit, plan.first_on.isoformat(),
         plan.last_on.isoformat(), plan.next_on.isoformat() if plan.next_on else "", plan.done, plan.missed]
        for plan in await rounds.plans(visit.office, visit.viewer)
    ]  # fmt: skip
    columns = ("诉求", "做什么", "地点", "多久", "谁做", "从", "到", "下次", "做了", "漏了")
    return [Table("定期维护", columns, rows)]


async def _rulings(visit: Visit) -> list[Table]:
    found = await rulings.search(visit.office, visit.viewer, sought_of(visit), limit=MOST_ROWS)
    rows: list[list[Cell]] = [
        [one.precedent.number, one.precedent.at, one.precedent.category, one.precedent.estate, one.precedent.place,
         one.precedent.text, "、".join(one.precedent.refused_by), one.precedent.department, one.precedent.reason,
         one.precedent.by, wording.RULING[one.state]]
        for one in found
    ]  # fmt: skip
    columns = ("诉求", "时间", "类别", "小区", "地点", "诉求内容", "谁退过", "裁定给", "理由", "谁定的", "以后")
    laws: list[list[Cell]] = [
        [rule.category, rule.estate or "全社区", rule.word, rule.department, rule.number, rule.by, rule.at]
        for rule in await rulings.rules(visit.office, visit.viewer)
    ]
    rules_columns = ("类别", "哪里", "字眼", "归谁", "依据", "谁定的", "时间")
    return [Table("归属裁定", columns, rows), Table("由裁定来的规则", rules_columns, laws)]
