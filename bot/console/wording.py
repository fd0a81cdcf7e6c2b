"""What the console's pages call things, and how they write times and shares."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo

from bot.conversation.cards import ROLE, STATE
from workflows.case_file import Line
from workflows.console.audit import Deed
from workflows.console.board import Lane
from workflows.console.rows import CaseRow
from workflows.policy.lifecycle import Action, Rung, Status
from workflows.policy.measures import Share
from workflows.policy.permissions import Relation
from workflows.policy.upkeep import Rhythm, Season
from workflows.upkeep import PlanView, Round

LANE: Mapping[str, str] = {
    Lane.GRID: "网格核实",
    Lane.PROPERTY: "物业处理",
    Lane.COMMUNITY: "社区协调",
    Lane.DEPARTMENT: "部门（已吹哨）",
    Lane.WAITING: "等确认、等居民",
    Lane.SUSPENDED: "挂账",
}
RUNG: Mapping[str, str] = {
    Rung.GRID_BRANCH: "网格党支部",
    Rung.PROPERTY: "物业",
    Rung.COMMUNITY: "社区党委",
    Rung.DEPARTMENT: "部门",
}
DEED: Mapping[str, str] = {
    Deed.SIGN_IN: "进入",
    Deed.SIGN_OUT: "退出",
    Deed.LOOK: "查看",
    Deed.SEARCH: "搜索",
    Deed.ACT: "办理",
    Deed.EXPORT: "导出",
    Deed.IMPORT: "导入",
    Deed.CHANGE: "改动",
    Deed.SEND: "发送",
}
AUDIENCE: Mapping[str, str] = {
    "resident": "居民",
    "grid": "网格",
    "property": "物业",
    "community": "社区",
    "department": "部门",
}
VERDICT: Mapping[str, str] = {"solved": "解决了", "partly": "部分解决", "not": "没有解决", "": "还没有评价"}
WHISTLE: Mapping[str, str] = {"sent": "等答复", "solved": "已办", "planned": "有计划", "refused": "退回"}
STATES: Mapping[str, str] = {
    "open": "没办完的",
    "late": "超时的",
    "late_whole": "全程超时的",
    "closed": "已了结的",
    **{lane.value: f"在：{LANE[lane]}" for lane in Lane if lane is not Lane.SUSPENDED},
    **{status.value: STATE[status] for status in Status},
}
CORRECTION: Mapping[str, str] = {"new": "待定", "accepted": "已采用", "rejected": "没采用"}
RULING: Mapping[str, str] = {"": "全部", "new": "还没定", "rule": "已成规则", "once": "只这一次"}
ROLE_OF: Mapping[Relation, str] = {
    Relation.GRID_WORKER: "grid_worker",
    Relation.BRANCH: "branch_secretary",
    Relation.BUILDING_HEAD: "building_head",
    Relation.PROPERTY: "property_staff",
    Relation.COMMUNITY: "community_staff",
    Relation.DEPARTMENT: "department_liaison",
}
_WAITS_FOR = {Status.WAITING_FOR_RESIDENT: "等居民补充", Status.TO_JUDGE: "等居民评价"}
_HANDED_ON = (Action.BLOW_WHISTLE, Action.HAND_TO_PROPERTY, Action.HAND_TO_COMMUNITY, Action.ESCALATE)


def span_name(key: str) -> str:
    """2026年第48周, 2026年11月, 2026年第4季度."""
    year, _, part = key.partition("-")
    if part.startswith("W"):
        return f"{year}年第{int(part[1:])}周"
    return f"{year}年第{part[1:]}季度" if part.startswith("Q") else f"{year}年{int(part)}月"


def length(span: timedelta) -> str:
    """2天, 5小时, 40分钟: the largest unit is enough to act on."""
    minutes = max(1, int(span.total_seconds() // 60))
    if minutes >= 48 * 60:
        return f"{minutes // (24 * 60)}天"
    return f"{minutes // 60}小时" if minutes >= 60 else f"{minutes}分钟"


def step_clock(row: CaseRow, now: datetime) -> str:
    """The clock of whoever has it."""
    if not row.open:
        return ""
    if row.status in _WAITS_FOR:
        return _WAITS_FOR[row.status]
    if row.status is Status.SUSPENDED:
        return "挂账，停着"
    over = now - row.rung_due_at
    if over <= timedelta(0):
        return f"剩{length(-over)}"
    return f"超时{length(over)}" if row.late_step else "到时限了"


def whole_clock(row: CaseRow, now: datetime) -> str:
    """The resident's clock, which is never reset."""
    if not row.open:
        return ""
    over = now - row.whole_due_at
    return f"超时{length(over)}" if over > timedelta(0) else f"剩{length(-over)}"


def rhythm(of: PlanView | Season) -> str:
    """每14天, 每2个月, 大雨过后."""
    match of.rhythm:
        case Rhythm.DAYS:
            return f"每{of.every}天"
        case Rhythm.MONTHS:
            return "每月" if of.every == 1 else f"每{of.every}个月"
        case Rhythm.TRIGGER:
            return f"{of.trigger}过后"


def plan_state(plan: PlanView, now: datetime) -> str:
    """下次12月1日，做了3次，漏了1次."""
    if plan.state != "running":
        return {"over": "这一季结束了", "ended": "停掉了"}.get(plan.state, plan.state)
    counted = f"，做了{plan.done}次" + (f"，漏了{plan.missed}次" if plan.missed else "")
    if plan.next_on is None:
        waits = "等着有人叫" if plan.rhythm is Rhythm.TRIGGER else "没有下一次了"
        return f"{waits}{counted}"
    year = f"{plan.next_on.year}年" if plan.next_on.year != now.year else ""
    return f"下次{year}{plan.next_on.month}月{plan.next_on.day}日{counted}"


def round_state(one: Round, today: date) -> tuple[str, str]:
    """(how it is drawn, in words)."""
    if one.done_at is not None:
        return "good", "做好了" if one.missed_at is None else "后来补做了"
    if one.skipped_at is not None:
        return "left", "这次不用做"
    if one.missed_at is not None:
        return "late", "漏了，还没补"
    return ("due", "该做了") if one.due_on <= today else ("", "还没到")


def percent(share: Share) -> str:
    """73%（11/15）; nothing counted is a dash, not 100 %."""
    return "—" if share.rate is None else f"{share.rate:.0%}"


def local(at: datetime, zone: tzinfo) -> str:
    """2026-11-24 10:00."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def actor(line: Line) -> str:
    """Who did it; residents by their role alone."""
    who = ROLE.get(line.capacity, line.capacity)
    return who if line.capacity in ("reporter", "system") else f"{who}{line.who}"


def handed_to(line: Line) -> str:
    """To whom it went, where a step hands it on."""
    return line.holder if line.action in _HANDED_ON else ""
