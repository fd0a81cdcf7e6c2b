"""The picture of a week: what is drawn are the digest's numbers, in their place, whatever they and the names are."""

import io
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from PIL import Image

from bot.pictures.font import NoFont, typeface
from bot.pictures.sketch import Sketch, Words, as_jpeg, fitting, plainly
from bot.pictures.week_card import MOST_ESTATES, WIDTH, counted, honest, lay_out, shown_estates
from workflows.digest import Measures, Tally, Week, WeekCard, WeekCourse
from workflows.policy.measures import NOTHING

FACE = typeface()
ESTATES = ("园林小区", "富邦小区", "通道街小区", "惠民小区", "其他地点")
OPENED = (9, 14, 11, 8, 17, 13, 10, 12, 15)
SOLVED = (6, 9, 10, 7, 9, 12, 8, 9, 11)
LEFT = (14, 18, 17, 17, 22, 21, 22, 24, 26)


def card(times: int = 1, names: tuple[str, ...] = ESTATES, community: str = "仕奇社区") -> WeekCard:
    """A week of so many times the usual numbers."""
    measures = Measures(
        opened=15 * times, open=26 * times, overdue=3 * times, solved=11 * times, unanswered=2 * times,
        closed_in_time=10 * times, first_rung=8 * times, said_solved=11 * times, said_partly=times, said_not=times,
        silent=2 * times, reopened=2 * times,
    )  # fmt: skip
    course = tuple(
        WeekCourse(f"2026-W{39 + n}", opened * times, solved * times, left * times)
        for n, (opened, solved, left) in enumerate(zip(OPENED, SOLVED, LEFT, strict=True))
    )
    estates = tuple(Tally(name, max(0, 6 - n) * times, n * times) for n, name in enumerate(names))
    return WeekCard(1, community, "2026-W47", True, course, estates, measures)


NOTHING_AT_ALL = WeekCard(
    1, "仕奇社区", "2026-W47", True, tuple(WeekCourse(f"2026-W{39 + n}", 0, 0, 0) for n in range(9)), (), NOTHING
)
HOSTILE = (
    "很长很长的小区名字" * 9,
    "\u202e倒着写的小区",
    "换\n行\t小\x00区",
    "🏘️👨‍👩‍👧 Happy Garden Résidence",
    "W" * 120,
    "",
    "{name}%s<b>",
)
CARDS = {
    "usual": card(),
    "nothing": NOTHING_AT_ALL,
    "a hundred thousand": card(7000),
    "tens of millions": card(1_000_000),
    "hostile names": card(7000, HOSTILE, "社" * 80),
    "many estates": card(3, tuple(f"第{n}小区" for n in range(60))),
    "still running": replace(card(), over=False),
    "nothing this week": replace(card(), measures=NOTHING, by_estate=(Tally("园林小区", 0, 4),)),
}


def _shown(sketch: Sketch, of: str) -> dict[str, str]:
    return {words.key: words.text for words in sketch.words if words.of == of}


@pytest.mark.parametrize("name", ["usual", "nothing", "a hundred thousand", "many estates"])
def test_what_is_drawn_are_the_numbers_of_the_digest(name: str) -> None:
    told = CARDS[name]
    sketch = lay_out(told, FACE)
    for of in ("opened", "solved", "open"):
        numbers = {week.week: getattr(week, of) for week in told.course}
        assert {bar.key: bar.value for bar in sketch.bars if bar.of == of} == numbers
        assert _shown(sketch, of) == {week: str(number) for week, number in numbers.items()}
        assert _shown(sketch, "figure")[of] == str(numbers[told.week])
    assert _shown(sketch, "figure")["overdue"] == str(told.measures.overdue)
    estates = {bar.key: bar.value for bar in sketch.bars if bar.of == "estate"}
    assert estates == {row.name: row.now for row in shown_estates(told.by_estate)}
    assert sum(estates.values()) == sum(row.now for row in told.by_estate)
    for of, share in {
        "on_time": told.measures.on_time,
        "satisfaction": told.measures.satisfaction,
        "first_rung": told.measures.first_rung_solved,
        "sent_back": told.measures.sent_back,
    }.items():
        expected = f"{share.part}/{share.whole}" if share.whole else "还没有可算的"
        assert _shown(sketch, of)[""] == expected
        assert [bar.value for bar in sketch.bars if bar.of == of] == [share.part]


@pytest.mark.parametrize("name", list(CARDS))
def test_bars_are_in_proportion_and_a_number_that_is_not_nothing_can_be_seen(name: str) -> None:
    sketch = lay_out(CARDS[name], FACE)
    for of, side in {"opened": "tall", "solved": "tall", "open": "tall", "estate": "long"}.items():
        bars = [bar for bar in sketch.bars if bar.of == of]
        most = max((bar.value for bar in bars), default=0)
        if not most:
            continue
        long = {b.key: (b.box.bottom - b.box.top if side == "tall" else b.box.right - b.box.left) for b in bars}
        longest = max(long.values())
        for bar in bars:
            assert long[bar.key] == pytest.approx(bar.value / most * longest, abs=4)
            assert not bar.value or long[bar.key] >= 4


@pytest.mark.parametrize("name", list(CARDS))
def test_nothing_is_outside_the_picture_and_no_words_lie_upon_others(name: str) -> None:
    sketch = lay_out(CARDS[name], FACE)
    boxes = [_box(sketch, words) for words in sketch.words if words.text]
    for left, top, right, bottom in [*boxes, *((*bar.box.__dict__.values(),) for bar in sketch.bars)]:
        assert 0 <= left <= right <= WIDTH, name
        assert 0 <= top <= bottom <= sketch.height, name
    for one, other in combinations(zip(boxes, [w.text for w in sketch.words if w.text], strict=True), 2):
        (a, said), (b, beside) = one, other
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, (said, beside)


def _box(sketch: Sketch, words: Words) -> tuple[float, float, float, float]:
    left, top, right, bottom = words.font(sketch.face).getbbox(words.text, anchor=words.anchor)
    return words.x + left, words.y + top, words.x + right, words.y + bottom


@pytest.mark.parametrize("name", list(CARDS))
def test_it_is_a_photo_that_every_messenger_takes(name: str) -> None:
    content = as_jpeg(lay_out(CARDS[name], FACE))
    with Image.open(io.BytesIO(content)) as picture:
        picture.load()
        assert (picture.format, picture.width) == ("JPEG", WIDTH)
        assert picture.width + picture.height < 10_000  # Telegram's limit, as is 10 MB
        assert not picture.getexif()
    assert len(content) < 1_000_000


def test_the_letters_are_large_enough_for_a_phone() -> None:
    assert min(words.size for words in lay_out(card(), FACE).words) >= 28  # of 1080: ten points on a phone


def test_this_week_is_told_from_the_others_by_lightness_and_not_by_hue_alone() -> None:
    colours = {bar.key == "2026-W47": bar.colour for bar in lay_out(card(), FACE).bars if bar.of == "opened"}
    dark, pale = (_lightness(colours[ours]) for ours in (True, False))
    assert (pale + 0.05) / (dark + 0.05) > 2


def _lightness(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_rate_of_nothing_is_not_perfect() -> None:
    assert all(not share.whole for _, _, share, _ in honest(NOTHING))
    sketch = lay_out(NOTHING_AT_ALL, FACE)
    assert not any("%" in words.text or "100" in words.text for words in sketch.words)
    assert "这一周没有新情况。" in [words.text for words in sketch.words]


def test_more_estates_than_fit_are_told_together() -> None:
    rows = tuple(Tally(f"{n}区", 100 - n, n) for n in range(60))
    shown = list(shown_estates(rows))
    assert len(shown) == MOST_ESTATES
    assert shown[-1] == Tally("其余53处", sum(r.now for r in rows[7:]), sum(r.before for r in rows[7:]))


def test_names_become_one_plain_line_that_keeps_its_end() -> None:
    assert plainly("换\n行\t\u202e小\x00区") == "换 行 小区"
    font = FACE.sized(34)
    cut = fitting("很长很长的小区名字" * 9 + "二期", font, 300, tail=4)
    assert font.getlength(cut) <= 300
    assert cut.endswith("…名字二期")


def test_numbers_of_seven_digits_are_told_in_ten_thousands() -> None:
    assert (counted(999_999), counted(1_250_000)) == ("999999", "125万")


def test_a_week_is_named_by_its_days() -> None:
    week = Week.parse("2026-W47", __import__("zoneinfo").ZoneInfo("Asia/Shanghai"))
    assert week.monday.isoformat() == "2026-11-16"
    assert _shown(lay_out(card(), FACE), "days")[""] == "2026年11月16日—22日"


@pytest.mark.parametrize(
    ("content", "why"), [(None, "is not there"), (b"no font", "cannot be read"), (b"", "cannot be read")]
)
def test_a_font_that_cannot_be_used_is_named_with_its_remedy(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "own.ttf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NoFont, match=why) as refused:
        typeface(str(path))
    assert str(path) in str(refused.value)


def test_the_face_of_the_shipped_collection_is_the_simplified_one() -> None:
    assert FACE.name == "Noto Sans CJK SC"
