"""Cases as people see them: what it is, where, who has it, by when, and what may be done now."""

from collections.abc import Sequence
from datetime import date, datetime, tzinfo

from bot.conversation.buttons import CaseDo, Option, Rows, option
from bot.conversation.phrases import say
from workflows.case_file import CaseView, Line, may_tap
from workflows.policy.lifecycle import Action, Rung, Status
from workflows.policy.naming import SOMEBODY
from workflows.policy.privacy import mask, mask_id

STATE = {
    Status.WITH_GRID: "网格员核实中",
    Status.WITH_PROPERTY: "物业处理中",
    Status.WITH_COMMUNITY: "社区党委协调中",
    Status.WITH_DEPARTMENT: "已吹哨，部门处理中",
    Status.WAITING_FOR_RESIDENT: "等居民补充",
    Status.SUSPENDED: "挂账，到日子接着办",
    Status.TO_CONFIRM: "已报办好，等现场确认",
    Status.TO_JUDGE: "等居民评价",
    Status.SOLVED: "已解决",
    Status.UNANSWERED: "已办结（居民没有答复）",
    Status.UNFOUNDED: "核实不属实",
    Status.WITHDRAWN: "已撤回",
    Status.MERGED: "已并案",
}
ROLE = {
    "grid_worker": "网格员",
    "branch_secretary": "网格党支部书记",
    "building_head": "楼栋长",
    "liaison": "联户长",
    "property_staff": "物业",
    "owners_committee_head": "业委会（物管会）主任",
    "community_secretary": "社区党委书记",
    "community_staff": "社区工作者",
    "department_liaison": "部门联络员",
    "clinic_staff": "医院导诊",
    "reporter": "居民",
    "property": "物业",
    "community": "社区党委",
    "department": "部门",
    "assisting_department": "协助部门",
    "system": "小哨",
}
_CARD = 800  # characters of a resident's words on a card
_DONE = {
    Action.OPEN: "反映",
    Action.VERIFY: "核实：属实",
    Action.NOT_TRUE: "核实：不属实",
    Action.ASK_RESIDENT: "请居民补充",
    Action.SUPPLY: "居民补充",
    Action.RESUME: "没等到补充，接着办",
    Action.TAKE_ON: "我来解决",
    Action.ASK_BUILDING_HEAD: "请楼栋长看一下",
    Action.HAND_TO_PROPERTY: "转物业",
    Action.HAND_TO_COMMUNITY: "上报社区党委",
    Action.ACCEPT: "接下",
    Action.CANNOT_SOLVE: "解决不了",
    Action.CONVENE: "召集协调",
    Action.AGREE: "协商一致",
    Action.AGREE_PLAN: "协商一致，约定了日期",
    Action.BLOW_WHISTLE: "吹哨",
    Action.PLAN: "有计划",
    Action.REFUSE: "答复：不属于我",
    Action.REPORT_RESULT: "报告办好",
    Action.CONFIRM: "现场确认",
    Action.NOT_FIXED: "现场看：还没好",
    Action.PASS_UNCONFIRMED: "没等到现场确认，直接问居民",
    Action.JUDGE_SOLVED: "居民评价：解决",
    Action.JUDGE_PARTLY: "居民评价：部分",
    Action.JUDGE_NOT: "居民评价：没有解决",
    Action.ASK_AGAIN: "再问一次居民",
    Action.CLOSE_UNANSWERED: "没有答复，办结（不算满意）",
    Action.CLOSE_UNFOUNDED: "没有异议，办结",
    Action.WITHDRAW: "撤回",
    Action.REOPEN: "重新打开",
    Action.ESCALATE: "超时未动，升一级",
    Action.REMIND: "提醒",
    Action.OVERDUE: "超时催办",
    Action.JOIN: "邻居加入",
    Action.LEAVE: "一位邻居退出",
    Action.ADD: "补充",
    Action.RECLASSIFY: "更正类别",
    Action.RELOCATE: "更正地点",
    Action.URGE: "居民催办",
    Action.COMMENT: "备注",
    Action.ROUTE: "重新分派",
    Action.SUCCEED: "单位或地点调整，换人接手",
    Action.MERGE: "并案",
    Action.ABSORB: "并入另一件",
    Action.SPLIT: "拆出另一件",
    Action.PROPOSE_WHISTLE: "申请吹哨",
    Action.SEND_BACK: "退回问一句",
    Action.KEEP: "社区自己办",
    Action.CALL_ASSISTANT: "请部门协助",
    Action.ASSIST: "协助答复",
    Action.ISSUE_LINK: "生成答复链接",
    Action.ASK_SUSPENSION: "申请挂账",
    Action.SUSPEND: "挂账",
    Action.REFUSE_SUSPENSION: "不同意挂账",
    Action.WAKE: "恢复办理",
    Action.UPKEEP: "约定定期维护",
    Action.ROUND_DUE: "到了定期维护的日子",
    Action.ROUND_DONE: "定期维护做了一次",
    Action.ROUND_MISSED: "定期维护没有按时做",
    Action.ROUND_SKIPPED: "定期维护这次不用做",
}


def deed(action: Action) -> str:
    """What was done, in the words of the history."""
    return _DONE[action]


def moment(at: datetime, now: datetime, zone: tzinfo) -> str:
    """A time as people say it: 今天18:00, 明天9:30, 11月28日12:00."""
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    days = (local.date() - today).days
    clock = f"{local.hour}:{local.minute:02d}"
    near = {0: "今天", 1: "明天", 2: "后天", -1: "昨天", -2: "前天"}.get(days)
    if near:
        return f"{near}{clock}"
    if local.year != today.year:
        return f"{local.year}年{local.month}月{local.day}日"
    return f"{local.month}月{local.day}日{clock}"


def day(at: datetime, zone: tzinfo) -> str:
    """A day: 12月9日."""
    local = at.astimezone(zone)
    return f"{local.month}月{local.day}日"


def date_words(on: date) -> str:
    """A day of the calendar: 2027年4月1日."""
    return f"{on.year}年{on.month}月{on.day}日"


def clock_line(view: CaseView, now: datetime, zone: tzinfo) -> str:
    """Both clocks in one line, overdue said plainly."""
    if not view.open:
        return ""
    if view.status is Status.SUSPENDED and view.facts.suspension is not None:
        until = day(view.facts.suspension.until, zone)
        return f"挂账到{until}，到时自动恢复。您反映以来第{(now - view.opened_at).days + 1}天。"
    if view.status in (Status.TO_JUDGE, Status.WAITING_FOR_RESIDENT):
        return f"您反映以来第{(now - view.opened_at).days + 1}天。"
    late = (
        "这一步已经超时，正在催。"
        if view.rung_due_at < now
        else f"这一步最晚{moment(view.rung_due_at, now, zone)}前有回音。"
    )
    over = (now - view.whole_due_at).days
    whole = (
        f"全程限{day(view.whole_due_at, zone)}前。"
        if view.whole_due_at >= now
        else f"全程时限{day(view.whole_due_at, zone)}已过{f'{over}天' if over else ''}，我还在催。"
    )
    return late + f"第{(now - view.opened_at).days + 1}天，{whole}"


def state_line(view: CaseView) -> str:
    """Who has it and what they are doing."""
    if view.open and view.holder and view.status is not Status.TO_JUDGE:
        return f"{STATE[view.status]}，负责：{view.holder}。"
    if view.status is Status.TO_JUDGE:
        return f"{view.holder}说办好了：{view.result or '见照片'}。等您评价。"
    return f"{STATE[view.status]}。"


def staff_state(view: CaseView, now: datetime, zone: tzinfo) -> str:
    """Where a case stands, for a colleague: who has it, and until when."""
    if view.status is Status.TO_JUDGE:
        return "已问居民，等居民评价。"
    if not view.open:
        return f"{STATE[view.status]}。"
    until = f"，{moment(view.rung_due_at, now, zone)}前" if view.rung_due_at >= now else "，已超时"
    return f"{STATE[view.status]}，负责：{view.holder}{until}。"


def shortened(text: str, length: int = 60) -> str:
    """The beginning of a text, on one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= length else flat[: length - 1] + "…"


def opened(view: CaseView, now: datetime, zone: tzinfo) -> tuple[str, Rows]:
    """The answer to a report: what was understood, who has it, by when, one-tap corrections."""
    text = say(
        "opened",
        number=view.number,
        kind=view.category_name,
        place=view.place or say("opened.noplace"),
        holder=view.holder,
        due=moment(view.rung_due_at, now, zone),
        whole=day(view.whole_due_at, zone),
    )
    return text, [
        [
            option("改类别", CaseDo(act="fix_kind", case=view.id)),
            option("改地点", CaseDo(act="fix_place", case=view.id)),
            option("撤回", CaseDo(act="withdraw", case=view.id)),
        ]
    ]


def progress(view: CaseView, now: datetime, zone: tzinfo, reader: int | None = None) -> tuple[str, Rows]:
    """One case for somebody who waits for it."""
    text = say(
        "progress.one",
        number=view.number,
        kind=view.category_name,
        place=view.place or "地点待核实",
        state=state_line(view),
        clock=clock_line(view, now, zone),
    ).strip()
    text = view.unsaid(text, reader)
    if view.status is Status.TO_JUDGE:
        return text, verdict_rows(view)
    rows: Rows = []
    if view.open:
        rows = [
            [option("催一下", CaseDo(act="urge", case=view.id)), option("看经过", CaseDo(act="history", case=view.id))]
        ]
    return text, rows


def verdict_rows(view: CaseView) -> Rows:
    """解决 / 部分 / 没有; for 不属实 whether the resident agrees."""
    if view.result_kind == "unfounded":
        return [
            [option("是这样，算了", CaseDo(act="solved", case=view.id))],
            [option("不对，确实有问题", CaseDo(act="not", case=view.id))],
        ]
    return [
        [
            option("解决了", CaseDo(act="solved", case=view.id)),
            option("部分解决", CaseDo(act="partly", case=view.id)),
            option("没有", CaseDo(act="not", case=view.id)),
        ]
    ]


def case_line(view: CaseView, length: int = 24, reader: int | None = None) -> str:
    """One case on one line, for lists; `reader`: the person who reads it, where they may have reported it."""
    words = shortened(mask(view.unsaid(view.text, reader)), length)
    return f"【{view.number}】{view.category_name}，{view.place or '地点待核实'}：{words}"


def option_line(view: CaseView) -> str:
    """A case as the words of a button."""
    return shortened(f"{view.number} {view.category_name} {view.place}", 40)


def staff_card(view: CaseView, capacity: str, now: datetime, zone: tzinfo, *, head: str = "") -> tuple[str, Rows]:
    """A case for those who work on it at its rung, with what they may do now."""
    told = view.unsaid(view.own_words) if view.confidential and capacity in LISTENERS else view.text
    words = mask_id(told) if capacity in ("grid_worker", "branch_secretary") else mask(told)
    lines = [
        head or f"您好，{ROLE.get(capacity, '')}，有一件事到您这里：",
        f"【{view.number}】{view.category_name}",
        f"地点：{view.place or '没说清，请核实'}",
        f"{'巡查发现' if view.proactive else '居民说'}：{shortened(words, _CARD)}",
    ]
    if view.proactive:
        lines.append("（未诉先办）")
    if view.confidential:
        lines.append(say("confidential.card"))
    if len(words) > _CARD:
        lines.append(f"（全文{len(words)}字，点“看全文”）")
    if view.whistle_reason:
        lines.append(f"社区吹哨的理由：{shortened(view.whistle_reason, 300)}")
    if view.on_behalf_of and capacity not in _OUTSIDE:
        lines.append(f"（代{view.on_behalf_of if view.consent else SOMEBODY}反映）")
    if view.ring and capacity in LISTENERS:
        lines.append(f"上门前请先打：{view.ring}")
    if view.reporters > 1:
        lines.append(f"已有{view.reporters}位居民反映。")
    lines += _beside(view)
    if view.open and view.status is not Status.TO_JUDGE:
        waited = (now - view.opened_at).days
        since = f"；居民已等{waited}天" if waited else ""
        lines.append(f"请在{moment(view.rung_due_at, now, zone)}前答复{since}。")
    # For whom it was reported is left out, wherever it was said, while that one has not agreed.
    return view.unsaid("\n".join(lines)), staff_rows(view, capacity)


def _beside(view: CaseView) -> list[str]:
    """What a colleague has to know beside the words and the place."""
    lines = []
    if view.photos:
        lines.append(f"附照片{len(view.photos)}张。")
    if view.voices:
        lines.append(
            f"【语音未听】{view.unheard}条，请听。" if view.unheard else f"有语音{len(view.voices)}条，网格听过了。"
        )
    if view.department and view.rung is Rung.COMMUNITY and view.department_unit_id not in view.refused_by:
        lines.append(f"可能的责任单位：{view.department}")
    if view.contact:
        lines.append(f"联系网格员：{view.contact}")
    if view.about:
        lines.append(f"（涉及{view.about}，已绕开）")
    lines += _of_facts(view)
    if view.reopened:
        lines.append(f"居民评价没有完全解决，第{view.reopened}次退回。")
    return lines


def _of_facts(view: CaseView) -> list[str]:
    """What only some cases have."""
    facts, lines = view.facts, []
    if facts.recurrence_of:
        by = f"，当时由{facts.solved_then_by}办" if facts.solved_then_by else ""
        lines.append(f"这是【{facts.recurrence_of}】解决后又犯的{by}。")
    if facts.provenance and view.rung is Rung.COMMUNITY:
        lines.append(f"责任单位按【{facts.provenance}】的归属裁定。")
    if facts.wanted is not None:
        lines.append(f"网格申请吹哨给：{facts.wanted.unit}")
        lines.append(f"理由：{shortened(mask(facts.wanted.reason), 200)}")
        if facts.wanted.no_photo:
            lines.append(f"没有照片，因为：{shortened(mask(facts.wanted.no_photo), 100)}")
    if facts.assistants:
        lines.append("协助单位：" + "、".join(f"{one.unit}（{_ASSISTED[one.state]}）" for one in facts.assistants))
    return lines


LISTENERS = frozenset(
    {"grid_worker", "branch_secretary", "community_secretary", "community_staff"}
)  # of residents' voices
_ASSISTED = {"sent": "还没答复", "solved": "办好了", "planned": "有计划", "refused": "说不属于他们"}
_OUTSIDE = frozenset({"department_liaison", "assisting_department"})  # they never learn who has reported


def whole_text(view: CaseView) -> str:
    """Everything that the reporters wrote."""
    return f"【{view.number}】\n{mask(view.unsaid(view.text))}"


def staff_rows(view: CaseView, capacity: str) -> Rows:
    """What this post may do with a case at its rung; the use case checks again who taps."""

    def do(text: str, act: str) -> Option:
        return option(text, CaseDo(act=act, case=view.id))

    rows = [
        [do(text, act) for text, act in row if may_tap(act, capacity, view.status) and _of_use(act, view)]
        for row in _rows_of(view, capacity)
    ]
    if view.unheard and view.open and capacity in LISTENERS:
        rows.insert(0, [do("听过了，是…", "heard")])
    looks = [do("看经过", "history")]
    if more_rows(view, [capacity]):
        looks.append(do("更多…", "more"))
    if len(view.text) > _CARD:
        looks.append(do("看全文", "text"))
    return [row for row in rows if row] + [looks]


_MORE = (
    ("请部门协助", "assist"),
    ("生成答复链接", "link"),
    ("定期维护", "upkeep"),
    ("挂账", "suspend"),
    ("恢复办理", "wake"),
    ("并案", "merge"),
    ("拆分", "split"),
)


def more_rows(view: CaseView, posts: Sequence[str]) -> Rows:
    """The rarer things that somebody in one of these posts may do; the use case checks again who taps."""
    acts = [(text, act) for text, act in _MORE if any(may_tap(act, post, view.status) for post in posts)]
    buttons = [option(text, CaseDo(act=act, case=view.id)) for text, act in acts]
    return [buttons[i : i + 2] for i in range(0, len(buttons), 2)]


def link_rows(view: CaseView) -> Rows:
    """For a department that has nobody here."""
    return [[option("生成答复链接", CaseDo(act="link", case=view.id))]]


def suspension_rows(view: CaseView) -> Rows:
    """The secretary's decision."""
    return [
        [
            option("同意挂账", CaseDo(act="suspend_yes", case=view.id)),
            option("不同意", CaseDo(act="suspend_no", case=view.id)),
        ]
    ]


def _of_use(act: str, view: CaseView) -> bool:
    """Whether the case has what the button needs."""
    return view.has_property if act == "property" else True


def _rows_of(view: CaseView, capacity: str) -> list[list[tuple[str, str]]]:
    """All buttons of a rung, whoever looks."""
    if capacity in ("building_head", "liaison"):
        return [[("我看过，已解决", "done"), ("说明情况", "note")]]
    if capacity == "assisting_department":
        return [[("我们这部分办好了", "assist_done"), ("有计划", "assist_plan")], [("不属于我", "assist_refuse")]]
    match view.status:
        case Status.WITH_GRID:
            first = [("属实", "verify"), ("不属实", "not_true"), ("需补充", "supply")]
            if view.verified:
                first = [("已解决", "done"), ("需补充", "supply")]
            hand = [("联系物业", "property"), ("上报社区", "community")]
            return [
                first,
                [("我来解决", "take_on"), ("请楼栋长", "head")],
                hand,
                [("申请吹哨", "ask_whistle")],
                [("协调会", "convene"), ("谈妥了", "agree")],
            ]
        case Status.WITH_PROPERTY:
            return [[("已解决", "done"), ("解决不了", "cannot")], [("什么时候去", "accept"), ("需补充", "supply")]]
        case Status.WITH_COMMUNITY:
            first = [("已解决", "done"), ("协调会", "convene"), ("谈妥了", "agree")]
            if view.facts.wanted is not None:
                review = [[("审核通过，吹哨", "send_whistle")], [("退回问一句", "send_back"), ("社区自己办", "keep")]]
                return [*review, first, [("吹给别的部门", "whistle"), ("转物业", "property")]]
            return [first, [("转物业", "property")], [("吹哨", "whistle"), ("需补充", "supply")]]
        case Status.WITH_DEPARTMENT:
            return [[("已解决", "done"), ("有计划", "plan")], [("不属于我", "refuse"), ("需补充", "supply")]]
        case Status.TO_CONFIRM:
            return [[("现场确认，好了", "confirm"), ("还没好", "not_fixed")]]
        case _:
            return []


def history(
    view: CaseView, lines: list[Line], now: datetime, zone: tzinfo, *, masked: bool = True, reader: int | None = None
) -> str:
    """The record, as those may read it who may see the case. Names of residents are not in it."""
    out = [f"【{view.number}】{view.category_name}，{view.place or '地点待核实'}", STATE[view.status]]
    for line in lines:
        who = ROLE.get(line.capacity, line.capacity)
        if line.who and line.capacity not in ("reporter", "system"):
            who += line.who
        said = view.unsaid(line.note, reader)
        note = f"：{shortened(mask(said) if masked else said, 80)}" if said else ""
        where = ""
        if line.action in (Action.BLOW_WHISTLE, Action.HAND_TO_PROPERTY, Action.HAND_TO_COMMUNITY, Action.ESCALATE):
            where = f" → {line.holder}"
        signed = line.data.get("signed")
        who += f"（{signed}，由链接答复）" if signed else ""
        late = f"（晚了{line.data['late_days']}天）" if line.data.get("late_days") else ""
        out.append(f"{moment(line.at, now, zone)} {who} {_DONE[line.action]}{late}{where}{note}")
    return "\n".join(out)
