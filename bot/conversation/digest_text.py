"""Digests in words: one phone screen first, the details after a tap."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, assert_never

from bot.conversation.cards import ROLE, STATE, shortened
from workflows.digest import (
    CaseLine,
    CommunityDigest,
    DepartmentDigest,
    Digest,
    GridDigest,
    Listing,
    Measures,
    PropertyDigest,
    ResidentDigest,
    Share,
    Tally,
    from_data,
)
from workflows.policy.lifecycle import Status
from workflows.policy.privacy import mask

__all__ = ["ROLE", "audience", "render", "restored"]

LINES, LETTERS = 14, 350  # one screen of a phone in large type
DETAIL = 3000  # a messenger takes 4096
_LINE = 60
_PRESSING = 3  # cases named on the first screen


def restored(data: Mapping[str, Any]) -> Digest:
    """The digest that a notice carries."""
    return from_data(data)


def audience(digest: Digest) -> str:
    """For whom it is, as its button says it."""
    return digest.audience.value


def render(digest: Digest) -> tuple[str, str]:
    """(the first screen, the details; empty where there is nothing more to say)."""
    match digest:
        case ResidentDigest():
            short, detail = _resident(digest)
        case GridDigest():
            short, detail = _grid(digest)
        case PropertyDigest():
            short, detail = _property(digest)
        case CommunityDigest():
            short, detail = _community(digest)
        case DepartmentDigest():
            short, detail = _department(digest)
        case _ as never:
            assert_never(never)
    return _screen(short, LINES, LETTERS), _screen(detail, 200, DETAIL) if detail else ""


# ---- each audience


def _resident(digest: ResidentDigest) -> tuple[list[str], list[str]]:
    head = f"您家附近这一周（{_days(digest.week)}）"
    if digest.empty:
        return [head, "没有新解决的事，您也没有在办的诉求。"], []
    lines, detail = [head], []
    if digest.solved:
        total = sum(tally.now for tally in digest.solved)
        lines.append(f"{digest.estate}解决了{total}件：{_named(digest.solved, 3)}")
        detail += [f"{digest.estate}解决了{total}件：", *_tally_lines(digest.solved)]
    if digest.mine.total:
        lines.append(f"您反映的还有{digest.mine.total}件没办完：")
        for line in digest.mine.lines[:_PRESSING]:
            late = "，已超期，在催" if line.overdue else ""
            lines.append(
                f"· {line.category}（{_place(line)}）：{STATE[Status(line.status)]}，第{line.days + 1}天{late}"
            )
        if digest.mine.total > _PRESSING:
            lines.append(f"其余{digest.mine.total - _PRESSING}件请点“看详细”。")
        detail += ["您反映的、还没办完的：", *(_own(line) for line in digest.mine.lines), *_more(digest.mine, "/cases")]
    return lines, detail


def _own(line: CaseLine) -> str:
    when = f"{line.due_at.month}月{line.due_at.day}日"
    limit = f"原定{when}前办完，已超期，在催" if line.overdue else f"最晚{when}办完"
    holder = f"，负责：{line.holder}" if line.holder else ""
    return f"· {line.number} {line.category}（{_place(line)}）{STATE[Status(line.status)]}{holder}，{limit}"


def _grid(digest: GridDigest) -> tuple[list[str], list[str]]:
    lines = [f"{_units(digest.grids)}周报（{_days(digest.week)}）"]
    if digest.mine.total:
        lines.append(f"您手上{digest.mine.total}件{_if(digest.due_soon.total, '，其中{}件3天内到期')}")
    else:
        lines.append("您手上没有待办的")
    lines += _each(
        (digest.to_confirm.total, "等您到现场确认{}件"),
        (digest.overdue.total, "网格里超期{}件（不管现在谁在办）"),
        (digest.elsewhere, "网格里别处在办{}件"),
        (digest.missed, "这一周{}件没人答复，已自动升级"),
    )
    if digest.silent:
        lines.append(f"没动静的：{_named(digest.silent, 3, unit='件')}")
    lines += _pressing([*digest.overdue.lines, *digest.to_confirm.lines, *digest.due_soon.lines])
    detail = [
        *_section("超期的", digest.overdue),
        *_section("等现场确认的", digest.to_confirm),
        *_section("您手上的", digest.mine),
    ]
    if digest.silent:
        detail += ["到时限没动静的：", *_tally_lines(digest.silent)]
    return lines, detail


def _property(digest: PropertyDigest) -> tuple[list[str], list[str]]:
    lines = [f"{_units(digest.units)}周报（{_days(digest.week)}）"]
    if digest.mine.total:
        lines.append(f"手上{digest.mine.total}件{_if(digest.due_soon.total, '，其中{}件3天内到期')}")
    else:
        lines.append("手上没有待办的")
    lines += _each((digest.overdue.total, "已经超期{}件"))
    lines += _did((digest.reported, "报办好{}件"), (digest.handed_up, "解决不了{}件"))
    lines += _each(
        (digest.returned, "报了办好又退回来{}件，居民或网格员说没好"),
        (digest.missed, "{}件没答复，已升到社区"),
    )
    lines += _pressing([*digest.overdue.lines, *digest.due_soon.lines])
    return lines, [*_section("超期的", digest.overdue), *_section("手上的", digest.mine)]


def _department(digest: DepartmentDigest) -> tuple[list[str], list[str]]:
    lines = [f"{_units(digest.units)}吹哨周报（{_days(digest.week)}）"]
    if digest.waiting.total or digest.overdue.total or digest.planned.total:
        lines += _each(
            (digest.overdue.total, "超期没答复{}件"),
            (digest.waiting.total, "等您答复{}件"),
            (digest.planned.total, "有计划、还没到日子{}件"),
        )
    else:
        lines.append("眼下没有吹到您这里的哨")
    lines += _did(
        (digest.solved, "办好{}件"), (digest.promised, "有计划{}件"), (digest.refused, "答复不属于本单位{}件")
    )
    lines += _each((digest.returned, "报了办好又退回来{}件"))
    lines += _pressing([*digest.overdue.lines, *digest.waiting.lines])
    detail = [
        *_section("超期的", digest.overdue),
        *_section("等答复的", digest.waiting),
        *_section("有计划的", digest.planned),
    ]
    return lines, detail


def _community(digest: CommunityDigest) -> tuple[list[str], list[str]]:
    now, before = digest.measures, digest.before
    lines = [
        f"{digest.community}周报（{_days(digest.week)}）",
        f"新增{now.opened}件（前一周{before.opened}件），办结{now.closed}件（前一周{before.closed}件）",
        f"没办完{now.open}件，其中超期{now.overdue}件",
        *_rates(now),
        *_trouble(now),
    ]
    decide = _parts(
        (digest.at_community.total, "社区待办{}"),
        (digest.to_rule.total, "部门退单待裁定{}"),
        (digest.late_departments.total, "部门超期{}"),
        (digest.flagged.total, "多次反复{}"),
    )
    lines.append(f"要您定：{decide}" if decide else "眼下没有等您定的事")
    most = [tally for tally in digest.by_category if tally.now]
    if most:
        lines.append(f"最多的：{_against(most[:3])}")
    refusals = "、".join(f"{name}{number}次" for name, number in now.refused_by.items())
    detail = [
        *_verdicts(now),
        *([f"退单的部门：{refusals}"] if refusals else []),
        *_section("部门退单，等裁定", digest.to_rule, 4),
        *_section("部门超期", digest.late_departments, 4),
        *_section("多次退单或退回", digest.flagged, 4),
        *_section("社区待办", digest.at_community, 4),
        *_counts("按类别", digest.by_category),
        *_counts("按小区", digest.by_estate),
    ]
    return lines, detail


def _rates(now: Measures) -> list[str]:
    """Rates as so many of so many: a percentage of three cases says nothing."""
    lines = []
    if now.on_time.whole:
        lines.append(f"按期办结 {_share(now.on_time)}{_if(now.overdue, '（其中{}件超期还没办完）')}")
    if now.response.whole:
        lines.append(f"居民答复 {_share(now.response)}{_if(now.silent, '（{}件问了两次没答，不算满意）')}")
    if now.satisfaction.whole:
        lines.append(f"答复的里面说解决了 {_share(now.satisfaction)}")
    if now.first_rung_solved.whole:
        lines.append(f"没往上报、就地解决 {_share(now.first_rung_solved)}")
    return lines


def _trouble(now: Measures) -> list[str]:
    lines = []
    again = _parts(
        (now.reopened, "退回重办{}件"), (now.repeats, "30天内同地同类又报{}件"), (now.proactive, "巡查先发现{}件")
    )
    if again:
        lines.append(again)
    if now.whistles or now.whistles_open:
        state = _parts(
            (now.whistles_open, "部门在办{}"), (now.with_department_overdue, "超期{}"), (now.whistles_refused, "退单{}")
        )
        lines.append(f"吹哨{now.whistles}次{'：' + state if state else ''}")
    return lines


def _verdicts(now: Measures) -> list[str]:
    said = _parts((now.said_solved, "解决{}"), (now.said_partly, "部分解决{}"), (now.said_not, "没解决{}"))
    ended = _parts(
        (now.solved, "居民认可{}"),
        (now.unanswered, "没人答复{}"),
        (now.unfounded, "核实不属实{}"),
        (now.withdrawn, "居民撤回{}"),
        (now.merged, "并案{}"),
    )
    return [
        *([f"居民怎么说：{said}"] if said else []),
        *([f"怎么结的：{ended}"] if ended else []),
        *([f"居民撤回里有{now.withdrawn_late}件是超期以后撤的，算没按期"] if now.withdrawn_late else []),
    ]


# ---- phrases


def _days(week: str) -> str:
    """The days of an ISO week: 11月16日—22日."""
    monday = date.fromisocalendar(int(week[:4]), int(week[-2:]), 1)
    sunday = monday + timedelta(days=6)
    end = f"{sunday.day}日" if sunday.month == monday.month else f"{sunday.month}月{sunday.day}日"
    return f"{monday.month}月{monday.day}日—{end}"


def _share(share: Share) -> str:
    return f"{share.part}/{share.whole}"


def _if(number: int, words: str) -> str:
    return words.format(number) if number else ""


def _each(*pairs: tuple[int, str]) -> list[str]:
    return [words.format(number) for number, words in pairs if number]


def _parts(*pairs: tuple[int, str]) -> str:
    return "，".join(_each(*pairs))


def _did(*pairs: tuple[int, str]) -> list[str]:
    done = _parts(*pairs)
    return [f"这一周{done}"] if done else []


def _units(names: Sequence[str]) -> str:
    if len(names) > 2:
        return f"{shortened(names[0], 14)}等{len(names)}处"
    return "、".join(shortened(name, 16) for name in names)


def _named(tallies: Sequence[Tally], most: int, unit: str = "件") -> str:
    named = "、".join(f"{shortened(tally.name, 12)}{tally.now}{unit}" for tally in tallies[:most])
    return named + ("等" if len(tallies) > most else "")


def _against(tallies: Iterable[Tally]) -> str:
    return "、".join(f"{shortened(tally.name, 8)}{tally.now}（前一周{tally.before}）" for tally in tallies)


def _tally_lines(tallies: Sequence[Tally]) -> list[str]:
    return [f"· {tally.name} {tally.now}件" for tally in tallies]


def _counts(head: str, tallies: Sequence[Tally]) -> list[str]:
    if not tallies:
        return []
    rest = tallies[12:]
    lines = [
        f"{head}（括号里是前一周）：",
        *(f"· {tally.name} {tally.now}（{tally.before}）" for tally in tallies[:12]),
    ]
    if rest:
        lines.append(f"· 其余{len(rest)}项 {sum(t.now for t in rest)}（{sum(t.before for t in rest)}）")
    return lines


def _place(line: CaseLine) -> str:
    return mask(shortened(line.place, 16)) or "地点待核实"


def _by_when(line: CaseLine) -> str:
    if line.overdue:
        return "已超期"
    return f"{line.due_at.month}月{line.due_at.day}日{line.due_at.hour}:{line.due_at.minute:02d}前"


def _pressing(lines: Iterable[CaseLine]) -> list[str]:
    """The most pressing cases, each once."""
    named = list({line.case_id: line for line in lines}.values())[:_PRESSING]
    if not named:
        return []
    return ["最急的：", *(f"· {line.number} {line.category}，{_place(line)}，{_by_when(line)}" for line in named)]


def _section(head: str, listing: Listing, most: int = 12) -> list[str]:
    if not listing.total:
        return []
    shown = Listing(listing.total, listing.lines[:most])
    return [f"{head}（{listing.total}件）：", *(_staff_line(line) for line in shown.lines), *_more(shown)]


def _staff_line(line: CaseLine) -> str:
    contact = f"，联系网格员{line.contact}" if line.contact else ""
    return (
        f"· {line.number} {line.category}，{mask(shortened(line.place, 24)) or '地点待核实'}，"
        f"{STATE[Status(line.status)]}，第{line.days + 1}天，{_by_when(line)}{contact}"
    )


def _more(listing: Listing, where: str = "/desk") -> list[str]:
    rest = listing.total - len(listing.lines)
    return [f"……还有{rest}件，发 {where} 看"] if rest > 0 else []


def _screen(lines: Sequence[str], most: int, letters: int) -> str:
    """As many whole lines as fit. The first lines say what matters most, so the last ones go first."""
    kept: list[str] = []
    for line in (shortened(line, _LINE if letters == LETTERS else 120) for line in lines):
        if len(kept) == most or len("\n".join([*kept, line])) > letters:
            break
        kept.append(line)
    return "\n".join(kept)
