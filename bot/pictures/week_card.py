"""The week of a community as a picture for a phone: the same numbers as the digest's text, and no others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from bot.conversation.digest_text import days
from bot.pictures.font import Typeface
from bot.pictures.sketch import GREEN, LINE, PALE, PAPER, QUIET, TEXT, Bar, Box, Sketch, Words
from workflows.digest import Measures, Share, Tally, WeekCard, WeekCourse

WIDTH = 1080
_EDGE, _INSIDE = 24, 40  # around a panel, and within it
_LEFT, _RIGHT = _EDGE + _INSIDE, WIDTH - _EDGE - _INSIDE
_ROOM = _RIGHT - _LEFT
_GAP = 20  # between panels
_BARS = 104  # the tallest column of a chart
_LEAST = 4  # a number that is not 0 can be seen
MOST_ESTATES = 8
_MILLION = 1_000_000


@dataclass(frozen=True)
class _Chart:
    of: str
    title: str
    numbers: tuple[int, ...]


def lay_out(card: WeekCard, face: Typeface) -> Sketch:
    """Everything in its place; nothing is painted yet."""
    sketch = Sketch(face, WIDTH, _EDGE)
    _panel(sketch, _head, card)
    _panel(sketch, _course, card)
    _panel(sketch, _estates, card)
    _panel(sketch, _rates, card)
    return sketch


def counted(number: int) -> str:
    """As it is written: a number of seven digits and more is told in ten thousands."""
    return str(number) if number < _MILLION else f"{number // 10_000}万"


def _panel(sketch: Sketch, fill: Callable[[Sketch, WeekCard], None], card: WeekCard) -> None:
    """A white ground that is as tall as what stands upon it."""
    top, at = sketch.height, len(sketch.bars)
    sketch.height += 28
    fill(sketch, card)
    sketch.height += 24
    sketch.bars.insert(at, Bar(Box(_EDGE, top, WIDTH - _EDGE, sketch.height), PAPER))
    sketch.height += _GAP


def _head(sketch: Sketch, card: WeekCard) -> None:
    top = sketch.height
    sketch.bars.append(Bar(Box(_EDGE, top - 28, _EDGE + 12, top + 128), GREEN))
    title = Words(_LEFT, top + 58, f"{card.community}周报", 54, bold=True, of="title")
    sketch.write(title, _ROOM)
    running = "" if card.over else "本周到现在，"
    sketch.write(Words(_LEFT, top + 114, f"{card.week[:4]}年{running}{days(card.week)}", 36, QUIET, of="days"), _ROOM)
    sketch.height = top + 150
    _figures(sketch, card)


def _figures(sketch: Sketch, card: WeekCard) -> None:
    """The numbers that matter most, with those of the week before."""
    now, before = card.course[-1], card.course[-2]
    shown: list[tuple[str, str, int, str]] = [
        ("opened", "新增", now.opened, f"前一周{counted(before.opened)}"),
        ("solved", "居民认可解决", now.solved, f"前一周{counted(before.solved)}"),
        ("open", _left(card), now.open, f"前一周{counted(before.open)}"),
        ("overdue", "其中全程超时", card.measures.overdue, "过了最后期限"),
    ]
    wide = _ROOM // len(shown)
    top = sketch.height
    for number, (of, label, value, beside) in enumerate(shown):
        x = _LEFT + number * wide
        size = 68 if len(counted(value)) <= 5 else 52
        sketch.write(Words(x, top + 70, counted(value), size, bold=True, of="figure", key=of), wide - 10)
        sketch.write(Words(x, top + 116, label, 32), wide - 10)
        sketch.write(Words(x, top + 156, beside, 28, QUIET), wide - 10)
    sketch.height = top + 166


def _left(card: WeekCard) -> str:
    return "到周日没办完" if card.over else "还没办完"


def _course(sketch: Sketch, card: WeekCard) -> None:
    """Three charts of nine columns, each with its own scale and all its numbers."""
    weeks = card.course
    _heading(sketch, "这一周和前八周（日期是周一）")
    if card.measures.quiet:
        _note(sketch, "这一周没有新情况。" if card.over else "本周到现在没有新情况。")
    for chart in (
        _Chart("opened", "新增", tuple(week.opened for week in weeks)),
        _Chart("solved", "居民认可解决", tuple(week.solved for week in weeks)),
        _Chart("open", "到每周周日没办完", tuple(week.open for week in weeks)),
    ):
        _columns(sketch, chart, weeks)
    _mondays(sketch, card)


def _columns(sketch: Sketch, chart: _Chart, weeks: Sequence[WeekCourse]) -> None:
    sketch.height += 16
    sketch.write(Words(_LEFT, sketch.height + 32, chart.title, 32), _ROOM)
    sketch.height += 46
    wide, most = _ROOM // len(weeks), max(chart.numbers)
    ground = sketch.height + 36 + _BARS
    for number, (week, value) in enumerate(zip(weeks, chart.numbers, strict=True)):
        left, ours = _LEFT + number * wide, number == len(weeks) - 1
        tall = _length(value, most, _BARS)
        box = Box(left + 12, ground - tall, left + wide - 12, ground)
        sketch.bars.append(Bar(box, GREEN if ours else PALE, chart.of, week.week, value))
        middle = left + wide // 2
        label = Words(
            middle, ground - tall - 10, counted(value), 28, bold=ours, anchor="ms", of=chart.of, key=week.week
        )
        sketch.write(label, wide)
    sketch.bars.append(Bar(Box(_LEFT, ground, _RIGHT, ground + 2), LINE))
    sketch.height = ground + 4


def _mondays(sketch: Sketch, card: WeekCard) -> None:
    """Under the last chart, for all three: on which day each week began."""
    wide = _ROOM // len(card.course)
    for number, week in enumerate(card.course):
        ours = number == len(card.course) - 1
        monday = date.fromisocalendar(int(week.week[:4]), int(week.week[-2:]), 1)
        middle = _LEFT + number * wide + wide // 2
        label = Words(middle, sketch.height + 34, f"{monday.month}/{monday.day}", 28, QUIET, anchor="ms")
        sketch.write(replace(label, colour=TEXT, bold=True) if ours else label, wide)
    sketch.height += 44


def _estates(sketch: Sketch, card: WeekCard) -> None:
    """Where it was reported: a table whose bars have one colour and one scale."""
    _heading(sketch, "各小区新增（括号里是前一周）")
    if not card.by_estate:
        _note(sketch, "这一周和前一周都没有新增。")
        return
    rows = list(shown_estates(card.by_estate))
    numbers = [
        (
            Words(0, 0, counted(row.now), 36, bold=True, of="estate", key=row.name),
            Words(0, 0, f"（{counted(row.before)}）", 30, QUIET),
        )
        for row in rows
    ]
    beside = max(sketch.measure(now) + sketch.measure(before) for now, before in numbers) + 24
    most, left = max(row.now for row in rows), _LEFT + 320
    for row, (now, before) in zip(rows, numbers, strict=True):
        top = sketch.height
        sketch.write(Words(_LEFT, top + 42, row.name, 34), 300, tail=4)
        box = Box(left, top + 14, left + max(_length(row.now, most, _RIGHT - left - beside), 2), top + 46)
        sketch.bars.append(Bar(box, GREEN if row.now else LINE, "estate", row.name, row.now))
        sketch.write(replace(now, x=box.right + 14, y=top + 43), beside)
        sketch.write(replace(before, x=box.right + 16 + sketch.measure(now), y=top + 42), beside)
        sketch.height += 60


def shown_estates(by_estate: Sequence[Tally]) -> Iterator[Tally]:
    """The first ones, and all others together in a last line."""
    if len(by_estate) <= MOST_ESTATES:
        yield from by_estate
        return
    first, rest = by_estate[: MOST_ESTATES - 1], by_estate[MOST_ESTATES - 1 :]
    yield from first
    yield Tally(f"其余{len(rest)}处", sum(row.now for row in rest), sum(row.before for row in rest))


def _rates(sketch: Sketch, card: WeekCard) -> None:
    _heading(sketch, "办得怎么样")
    for of, label, share, note in honest(card.measures):
        top = sketch.height + 8
        value = f"{counted(share.part)}/{counted(share.whole)}" if share.whole else "还没有可算的"
        shown = Words(_RIGHT, top + 40, value, 40 if share.whole else 32, bold=bool(share.whole), anchor="rs", of=of)
        sketch.write(shown, 400)
        sketch.write(Words(_LEFT, top + 40, label, 34), _ROOM - 20 - sketch.measure(shown))
        sketch.bars.append(Bar(Box(_LEFT, top + 58, _RIGHT, top + 72), LINE))
        long = _length(share.part, share.whole, _ROOM) if share.whole else 0
        sketch.bars.append(Bar(Box(_LEFT, top + 58, _LEFT + long, top + 72), GREEN, of, "part", share.part))
        sketch.write(Words(_LEFT, top + 110, note, 28, QUIET), _ROOM)
        sketch.height = top + 126


def honest(now: Measures) -> Iterator[tuple[str, str, Share, str]]:
    """(which, its words, so many of so many, what stands in the denominator)."""
    late = f"，其中{counted(now.overdue)}件超时还没办完" if now.overdue else ""
    yield "on_time", "按期办结", now.on_time, f"分母：办结的和超时没办完的{late}"
    silent = f"；{counted(now.silent)}件问了两次没答，不算满意" if now.silent else ""
    answered = f"分母：答复了的{counted(now.answered)}件{silent}"
    yield "satisfaction", "居民说解决了", now.satisfaction, answered
    yield "first_rung", "最先接手的就解决了", now.first_rung_solved, "分母：居民认可解决的，没往上转的算在分子里"
    yield "sent_back", "退回重办（越少越好）", now.sent_back, "分母：居民答复了的，和问到底没答的"


def _heading(sketch: Sketch, text: str) -> None:
    sketch.write(Words(_LEFT, sketch.height + 38, text, 38, bold=True), _ROOM)
    sketch.height += 58


def _note(sketch: Sketch, text: str) -> None:
    sketch.write(Words(_LEFT, sketch.height + 34, text, 32, QUIET), _ROOM)
    sketch.height += 50


def _length(value: int, most: int, room: int) -> int:
    """In proportion; 0 is nothing, and anything else can be seen."""
    return max(_LEAST, round(value / most * room)) if value else 0
