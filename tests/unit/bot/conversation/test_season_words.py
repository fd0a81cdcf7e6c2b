"""A promise to come back, in the words that people use."""

from datetime import date

import pytest

from bot.conversation.staff.season_words import read
from workflows.policy.upkeep import Rhythm

TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("words", "rhythm", "every", "first", "last", "work"),
    [
        ("4月到9月每14天喷一次药", Rhythm.DAYS, 14, (2027, 4, 1), (2027, 9, 30), "喷药"),
        ("每月修剪一次", Rhythm.MONTHS, 1, (2026, 11, 24), (2027, 11, 23), "修剪"),
        ("从4月1日至10月15日，每两周修剪一次灌木", Rhythm.DAYS, 14, (2027, 4, 1), (2027, 10, 15), "修剪灌木"),
        ("11月到3月每周清一次雪", Rhythm.DAYS, 7, (2026, 11, 1), (2027, 3, 31), "清雪"),
        ("每半个月清理一次垃圾桶", Rhythm.DAYS, 15, (2026, 11, 24), (2027, 11, 23), "清理垃圾桶"),
        ("每季度检查一次电线", Rhythm.MONTHS, 3, (2026, 11, 24), (2027, 11, 23), "检查电线"),
        ("2027年5月中旬到2027年8月底每十五天喷药", Rhythm.DAYS, 15, (2027, 5, 15), (2027, 8, 31), "喷药"),
        ("隔一天洒一次水", Rhythm.DAYS, 2, (2026, 11, 24), (2027, 11, 23), "洒水"),
    ],
)
def test_a_rhythm_and_a_season(
    words: str, rhythm: Rhythm, every: int, first: tuple[int, int, int], last: tuple[int, int, int], work: str
) -> None:
    season = read(words, TODAY)
    assert season is not None
    assert (season.rhythm, season.every, season.work) == (rhythm, every, work)
    assert (season.first, season.last) == (date(*first), date(*last))


@pytest.mark.parametrize(("words", "what"), [("大雨后检查井盖", "大雨"), ("每次下雪之后都要扫一遍", "下雪")])
def test_an_occasion_instead_of_a_calendar(words: str, what: str) -> None:
    season = read(words, TODAY)
    assert season is not None
    assert (season.rhythm, season.every, season.trigger) == (Rhythm.TRIGGER, 0, what)


@pytest.mark.parametrize("words", ["12月5日进场", "以后常来", "已经修好了", ""])
def test_words_without_a_rhythm_are_no_promise(words: str) -> None:
    assert read(words, TODAY) is None


@pytest.mark.parametrize("words", ["5月10日到5月1日每天扫一次", "2027年9月到2027年4月每月修剪"])
def test_a_season_that_ends_before_it_begins_is_read_as_it_was_written(words: str) -> None:
    season = read(words, TODAY)
    assert season is not None and season.last < season.first  # the policy refuses it, with a sentence


def test_days_that_no_month_has_become_its_last() -> None:
    season = read("2月1日到2月31日每7天扫一次", TODAY)
    assert season is not None and season.last == date(2027, 2, 28)
