"""Net and reader decide upon danger together, and each alone when the other has nothing to say."""

from collections.abc import Sequence

import pytest

from nlu.danger import Ear, Guarded
from nlu.understanding import EMERGENCY, Understanding

EAR = Ear(above=0.5, doubt_below=0.02)
FIRE = "厨房着火了快来人"
QUIET = "他靠着墙慢慢滑下去，眼睛不动了"


def read(text: str, intent: str, confidence: float, danger: float) -> Understanding:
    return Understanding(
        text, intent, confidence, tuple(sorted([(intent, confidence), (EMERGENCY, danger)], key=lambda r: -r[1]))
    )


@pytest.mark.parametrize(
    ("text", "u", "now", "perhaps"),
    [
        (FIRE, None, True, False),
        (QUIET, None, False, False),
        (FIRE, read(FIRE, "fire_safety", 0.7, 0.2), True, False),
        (FIRE, read(FIRE, "fire_safety", 0.97, 0.001), False, True),
        (QUIET, Understanding(QUIET, EMERGENCY, 0.6, ((EMERGENCY, 0.6),)), True, False),
        (QUIET, Understanding(QUIET, EMERGENCY, 0.4, ((EMERGENCY, 0.4), ("noise", 0.3))), False, True),
        (QUIET, read(QUIET, "noise", 0.9, 0.05), False, False),
    ],
)
def test_who_is_believed(text: str, u: Understanding | None, now: bool, perhaps: bool) -> None:
    heard = EAR.hear(text, u)
    assert (heard.now, heard.perhaps) == (now, perhaps)


@pytest.mark.parametrize(
    "text",
    [
        "没啥意思了 药我都攒够了 今晚就走 谢谢你们这阵子",
        "Fire in my kitchen, smoke everywhere, please help",
        "暖气片爆了，热水喷了我一身，烫着了",
    ],
)
def test_where_the_reader_cannot_judge_the_net_is_not_overruled(text: str) -> None:
    assert EAR.hear(text, read(text, "thanks", 0.97, 0.001)).now


def test_the_net_says_which_kind_it_is() -> None:
    danger = EAR.hear(FIRE, None).danger
    assert danger is not None and danger.kind == "fire"


class Reader:
    def __init__(self, u: Understanding) -> None:
        self.u = u

    async def understand(self, _: str) -> Understanding:
        return self.u

    async def alike(self, _: str, others: Sequence[str]) -> list[float]:
        return [0.5] * len(others)


async def test_measured_is_what_the_two_make_of_it_together() -> None:
    heard = await Guarded(Reader(read(FIRE, "fire_safety", 0.7, 0.2)), EAR).understand(FIRE)
    assert heard.intent == EMERGENCY and heard.ranking[0] == (EMERGENCY, 1.0)
    unsure = Understanding(QUIET, EMERGENCY, 0.4, ((EMERGENCY, 0.4), ("noise", 0.3)))
    assert (await Guarded(Reader(unsure), EAR).understand(QUIET)).intent == "noise"
