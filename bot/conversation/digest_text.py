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

__all__ = ["ROLE", "audience", "days", "render", "restored"]

LINES, LETTERS = 14, 350  # one screen of a phone in large type
DETAIL = 3000  # a messenger takes 4096
_LINE = 60
_PRESSING = 3  # cases named on the first screen
_TO_THE_RESIDENT = {
    Status.WAITING_FOR_RESIDENT: "等您补充情况",
    Status.TO_JUDGE: "说办好了，等您说解决没有",
}


def restored(data: Mapping[str, Any]) -> Digest:
    """The digest that a notice carries."""
    return from_data(data)


def audience(digest: Digest) -> str:
    """For whom it is, as its button says it."""
    return digest.audience.value


def render(digest: Digest, *, running: str = "") -> tuple[str, str]:
    """(the first screen, the details; empty where there is nothing more to say).

    `running`: the week that runs now, where somebody asked for "the digest" and may get the week before instead.
    """
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
    notes = []
    if running and running != digest.week:
        short[0] = short[0].replace("（", "（上周，", 1)
        notes = [f"本周从{_day(_monday(running))}起，刚开始，还没有新情况。要看本周，发：/digest 本周"]
    first = _screen(short, LINES - len(notes), LETTERS - sum(len(note) + 1 for note in notes))
    return "\n".join([first, *notes]), _screen(detail, 200, DETAIL) if detail else ""


# ---- each audience


def _head(whose: str, what: str, digest: Digest, weeks: int = 1) -> str:
    """Which week it is (or which weeks), and that a running one is not over."""
    running = "" if digest.over else "本周到现在，" if weeks == 1 else "到现在，"
    return f"{whose}{what}（{running}{days(digest.week, weeks)}）"


def _told_span(digest: ResidentDigest) -> str:
    if not digest.over:
        return "到现在"
    return "这一周" if digest.weeks == 1 else f"这{digest.weeks}周"


def _resident(digest: ResidentDigest) -> tuple[list[str], list[str]]:
    lines, detail = [_head(digest.estate or "您的", "简报", digest, digest.weeks)], []
    for where, solved in ((digest.estate, digest.solved), ("附近（同一网格）", digest.nearby)):
        if solved:
            total = sum(tally.now for tally in solved)
            lines.append(f"{where}解决了{total}件：{_named(solved, 3)}")
            detail += [f"{where}解决了{total}件：", *_tally_lines(solved)]
    if digest.estate and not digest.solved and not digest.nearby:
        lines.append(f"{_told_span(digest)}小区里和附近没有解决的公共的事。")
    if digest.mine.total:
        lines.append(f"您反映的还有{digest.mine.total}件没办完：")
        lines += [
            f"· {line.category}（{_place(line)}）：{_own_state(line)}，第{line.days + 1}天{_own_lateness(line)}"
            for line in digest.mine.lines[:_PRESSING]
        ]
        if digest.mine.total > _PRESSING:
            lines.append(f"还有{digest.mine.total - _PRESSING}件，点“看详细”。")
        detail += ["您反映的、还没办完的：", *(_own(line) for line in digest.mine.lines), *_more(digest.mine, "/cases")]
    else:
        lines.append("您没有在办的事。")
    if not digest.estate:
        lines.append("想知道小区里解决了什么，告诉我您家在哪：发 /home 加上小区和楼号")
    return lines, detail


def _own(line: CaseLine) -> str:
    when = f"{line.due_at.month}月{line.due_at.day}日"
    if line.overdue:
        limit = f"本该{when}前办完，已经晚了" + ("，在催" if line.overdue_step else "")
    elif line.status == Status.TO_JUDGE:
        return f"· {line.number} {line.category}（{_place(line)}）：{_own_state(line)}"
    else:
        limit = f"最晚{when}办完" + ("，现在这一步超时了，在催" if line.overdue_step else "")
    holder = f"，负责：{line.holder}" if line.holder else ""
    return f"· {line.number} {line.category}（{_place(line)}）：{_own_state(line)}{holder}，{limit}"


def _own_state(line: CaseLine) -> str:
    return _TO_THE_RESIDENT.get(Status(line.status), STATE[Status(line.status)])


def _own_lateness(line: CaseLine) -> str:
    """Who is chased is a rung past its time; past the whole time alone nobody is, and we do not say so."""
    if line.overdue_step:
        return "，超时了，在催"
    return "，比说好的晚了" if line.overdue else ""


def _grid(digest: GridDigest) -> tuple[list[str], list[str]]:
    lines = [_head(_units(digest.grids), "周报", digest)]
    if digest.mine.total:
        lines.append(f"您手上{digest.mine.total}件{_if(digest.due_soon.total, '，其中{}件3天内到时限')}")
    else:
        lines.append("您手上没有待办的")
    lines += _each((digest.to_confirm.total, "等您到现场确认{}件"))
    if digest.overdue.total:
        lines.append(f"网格里超时{digest.overdue.total}件，不管现在谁在办：{_lateness(digest)}")
    lines += _each(
        (digest.elsewhere, "网格里还有{}件，别处在办或等居民评价"),
        (digest.missed, f"{_span(digest)}{{}}件到时限没人答复，自动升了一级"),
    )
    if digest.silent:
        lines.append(f"没有回音的：{_named(digest.silent, 3)}")
    lines += _pressing([*digest.overdue.lines, *digest.to_confirm.lines, *digest.due_soon.lines])
    detail = [
        *_section("超时的", digest.overdue, where=""),
        *_section("等现场确认的", digest.to_confirm),
        *_section("您手上的", digest.mine),
    ]
    if digest.silent:
        detail += ["没有回音的：", *_tally_lines(digest.silent)]
    return lines, detail


def _property(digest: PropertyDigest) -> tuple[list[str], list[str]]:
    lines = [_head(_units(digest.units), "周报", digest)]
    if digest.mine.total:
        lines.append(f"手上{digest.mine.total}件{_if(digest.due_soon.total, '，其中{}件3天内到时限')}")
    else:
        lines.append("手上没有待办的")
    if digest.overdue.total:
        lines.append(f"手上超时{digest.overdue.total}件：{_lateness(digest)}")
    lines += _did(digest, (digest.reported, "报办好{}件"), (digest.handed_up, "答复解决不了{}件"))
    lines += _each(
        (digest.returned, "报了办好又被退回{}件：居民或网格员说没好"),
        (digest.missed, "到时限没答复、已升到社区{}件"),
    )
    lines += _pressing([*digest.overdue.lines, *digest.due_soon.lines])
    return lines, [*_section("超时的", digest.overdue), *_section("手上的", digest.mine)]


def _department(digest: DepartmentDigest) -> tuple[list[str], list[str]]:
    lines = [_head(_units(digest.units), "吹哨周报", digest)]
    if digest.waiting.total or digest.overdue.total or digest.planned.total:
        if digest.overdue.total:
            lines.append(f"超时还没办好{digest.overdue.total}件：{_lateness(digest)}")
        lines += _each((digest.waiting.total, "等您答复{}件"), (digest.planned.total, "按您答复的计划、还没到日子{}件"))
    else:
        lines.append("眼下没有吹到您这里的哨")
    lines += _did(
        digest,
        (digest.solved, "报办好{}件"),
        (digest.promised, "答复有计划{}件"),
        (digest.refused, "答复不属于本单位{}件"),
    )
    lines += _each((digest.returned, "报了办好又被退回{}件：居民或网格员说没好"))
    lines += _pressing([*digest.overdue.lines, *digest.waiting.lines])
    detail = [
        *_section("超时的", digest.overdue),
        *_section("等答复的", digest.waiting),
        *_section("有计划的", digest.planned),
    ]
    return lines, detail


def _community(digest: CommunityDigest) -> tuple[list[str], list[str]]:
    now, before = digest.measures, digest.before
    left = "到周日没办完" if digest.over else "没办完"
    lines = [
        _head(digest.community, "周报", digest),
        f"新增{now.opened}件（前一周{before.opened}件），办结{now.closed}件（前一周{before.closed}件）",
        f"{left}{now.open}件：这一步超时{now.overdue_step}件，全程超时{now.overdue}件",
        *_rates(now),
        *_trouble(now),
    ]
    here = f"社区待办{{}}件{_if(digest.overdue_here, '（这一步超时{}件）')}"
    decide = _parts(
        (digest.at_community.total, here),
        (digest.to_rule.total, "部门退单待裁定{}件"),
        (digest.late_departments.total, "部门超时{}件"),
        (digest.flagged.total, "多次退单或退回{}件"),
    )
    lines.append(f"眼下要您管的：{decide}" if decide else "眼下没有等您定的事")
    lines += _rounds(digest)
    most = [tally for tally in digest.by_category if tally.now]
    if most:
        lines.append(f"最多的：{_against(most[:3])}")
    refusals = "，".join(f"{name}{number}次" for name, number in now.refused_by.items())
    detail = [
        *_verdicts(now),
        *([f"退单的部门：{refusals}"] if refusals else []),
        *_section("部门退单，等裁定", digest.to_rule, 4),
        *_section("部门超时", digest.late_departments, 4, ""),
        *_section("全程超时，不管现在谁在办", digest.overdue, 4, ""),
        *_section("多次退单或退回", digest.flagged, 4, ""),
        *_section("挂账的", digest.suspended, 4, ""),
        *(["定期维护漏了、还没补的：", *(f"· {line}" for line in digest.upkeep_late)] if digest.upkeep_late else []),
        *_section("社区待办", digest.at_community, 4),
        *_counts("按类别", digest.by_category),
        *_counts("按小区", digest.by_estate),
    ]
    if detail or now.open:
        detail.append("这一步超时：现在办的单位过了自己的时限。全程超时：过了给居民说的最后期限。")
    return lines, detail


def _rounds(digest: CommunityDigest) -> list[str]:
    """Patrols and seasonal contracts, where there were any."""
    now, owed = digest.measures, len(digest.upkeep_late)
    walked = _parts((now.patrols, "巡查{}趟"), (now.patrols_clean, "没发现问题的{}趟"))
    kept = _parts((now.upkeep_done, "定期维护做了{}次"), (now.upkeep_missed, "漏了{}次"), (owed, "还欠{}次"))
    both = "；".join(part for part in (walked, kept) if part)
    return [both] if both else []


def _rates(now: Measures) -> list[str]:
    """Rates as so many of so many: a percentage of three cases says nothing. The first is always there."""
    lines = [_on_time(now)]
    if now.response.whole:
        lines.append(f"居民答复 {_share(now.response)}{_if(now.silent, '（{}件问了两次没答，不算满意）')}")
    if now.satisfaction.whole:
        lines.append(f"答复的居民说解决了 {_share(now.satisfaction)}")
    if now.first_rung_solved.whole:
        lines.append(f"没往上转、最先接手的就解决了 {_share(now.first_rung_solved)}")
    return lines


def _on_time(now: Measures) -> str:
    """Nothing to count is not perfect, and what is open past its time is counted as what it is."""
    if not now.on_time.whole:
        return "按期办结：还没有可算的（没有办结的，也没有全程超时的）"
    why = _parts((now.overdue, "{}件全程超时还没办完"), (now.withdrawn_late, "{}件超时后居民撤了"))
    return f"按期办结 {_share(now.on_time)}{'（分母里有' + why + '）' if why else ''}"


def _trouble(now: Measures) -> list[str]:
    lines = []
    again = _parts(
        (now.reopened, "退回重办{}件"), (now.repeats, "30天内同地同类又报{}件"), (now.proactive, "未诉先办{}件")
    )
    if again:
        lines.append(again)
    if now.whistles or now.whistles_open:
        state = _parts(
            (now.whistles_open, "部门手上{}件"),
            (now.with_department_overdue, "超时{}件"),
            (now.whistles_refused, "退单{}次"),
        )
        lines.append(f"新吹哨{now.whistles}次{'，' + state if state else ''}")
    return lines


def _verdicts(now: Measures) -> list[str]:
    said = _parts((now.said_solved, "解决{}件"), (now.said_partly, "部分解决{}件"), (now.said_not, "没解决{}件"))
    ended = _parts(
        (now.solved, "居民认可{}件"),
        (now.unanswered, "居民没答复{}件"),
        (now.unfounded, "核实不属实{}件"),
        (now.withdrawn, "居民撤回{}件"),
        (now.merged, "并案{}件"),
    )
    return [*([f"居民怎么说：{said}"] if said else []), *([f"怎么结的：{ended}"] if ended else [])]


# ---- phrases


def days(week: str, weeks: int = 1) -> str:
    """The days of an ISO week: 11月16日—22日; or of so many weeks up to it."""
    sunday = _monday(week) + timedelta(days=6)
    monday = _monday(week) - timedelta(weeks=weeks - 1)
    return f"{_day(monday)}—{f'{sunday.day}日' if sunday.month == monday.month else _day(sunday)}"


def _monday(week: str) -> date:
    return date.fromisocalendar(int(week[:4]), int(week[-2:]), 1)


def _day(day: date) -> str:
    return f"{day.month}月{day.day}日"


def _span(digest: Digest) -> str:
    """The week as its own digest calls it: read on the Monday after, "this week" would be another one."""
    return "一周里" if digest.over else "本周"


def _lateness(digest: GridDigest | PropertyDigest | DepartmentDigest) -> str:
    return f"这一步超时{digest.overdue_step}件，全程超时{digest.overdue_whole}件"


def _share(share: Share) -> str:
    return f"{share.part}/{share.whole}"


def _if(number: int, words: str) -> str:
    return words.format(number) if number else ""


def _each(*pairs: tuple[int, str]) -> list[str]:
    return [words.format(number) for number, words in pairs if number]


def _parts(*pairs: tuple[int, str]) -> str:
    return "，".join(_each(*pairs))


def _did(digest: Digest, *pairs: tuple[int, str]) -> list[str]:
    done = _parts(*pairs)
    return [f"{_span(digest)}{done}"] if done else []


def _units(names: Sequence[str]) -> str:
    if len(names) > 2:
        return f"{shortened(names[0], 14)}等{len(names)}处"
    return "、".join(shortened(name, 16) for name in names)


def _named(tallies: Sequence[Tally], most: int) -> str:
    """Apart by commas: a kind may have a 、 of its own."""
    named = "，".join(f"{shortened(tally.name, 12)}{tally.now}件" for tally in tallies[:most])
    return named + ("等" if len(tallies) > most else "")


def _against(tallies: Iterable[Tally]) -> str:
    return "，".join(f"{shortened(tally.name, 8)}{tally.now}（前一周{tally.before}）" for tally in tallies)


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
    return shortened(mask(line.place), 16) or "地点待核实"


def _by_when(line: CaseLine) -> str:
    late = [name for name, is_so in (("这一步", line.overdue_step), ("全程", line.overdue)) if is_so]
    if late:
        return f"{'和'.join(late)}已超时"
    return f"{line.due_at.month}月{line.due_at.day}日{line.due_at.hour}:{line.due_at.minute:02d}前"


def _pressing(lines: Iterable[CaseLine]) -> list[str]:
    """The most pressing cases, each once."""
    named = list({line.case_id: line for line in lines}.values())[:_PRESSING]
    if not named:
        return []
    return ["最急的：", *(f"· {line.number} {line.category}（{_place(line)}），{_by_when(line)}" for line in named)]


def _section(head: str, listing: Listing, most: int = 12, where: str = "/desk") -> list[str]:
    """`where` the rest can be seen; "" where these are on nobody's own desk."""
    if not listing.total:
        return []
    shown = Listing(listing.total, listing.lines[:most])
    return [f"{head}（{listing.total}件）：", *(_staff_line(line) for line in shown.lines), *_more(shown, where)]


def _staff_line(line: CaseLine) -> str:
    contact = f"，联系网格员{line.contact}" if line.contact else ""
    return (
        f"· {line.number} {line.category}（{shortened(mask(line.place), 24) or '地点待核实'}），"
        f"{STATE[Status(line.status)]}，第{line.days + 1}天，{_by_when(line)}{contact}"
    )


def _more(listing: Listing, where: str = "/desk") -> list[str]:
    rest = listing.total - len(listing.lines)
    return [f"……还有{rest}件{f'，发 {where} 看' if where else '没列出来'}"] if rest > 0 else []


def _screen(lines: Sequence[str], most: int, letters: int) -> str:
    """As many whole lines as fit. The first lines say what matters most, so the last ones go first."""
    kept: list[str] = []
    for line in (shortened(line, _LINE if letters == LETTERS else 120) for line in lines):
        if len(kept) == most or len("\n".join([*kept, line])) > letters:
            break
        kept.append(line)
    return "\n".join(kept)
