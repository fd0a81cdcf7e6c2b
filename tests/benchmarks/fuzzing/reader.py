"""A stand-in for the reader that rolls dice: every Understanding it gives is valid, hardly any is right.

What is tested here is that the product stands whatever it is told; understanding itself is measured elsewhere.
"""

from collections import Counter
from collections.abc import Sequence
from random import Random

from nlu.understanding import (
    DIALOGUE_INTENTS,
    EMERGENCY,
    ENTITY_KINDS,
    REQUEST_INTENTS,
    Entity,
    NluUnavailable,
    Understanding,
    clean,
    without_asking,
)

_REQUESTS, _TALK = sorted(REQUEST_INTENTS), sorted(DIALOGUE_INTENTS - {EMERGENCY})
# Read rightly most of the time, so that cases are opened and go their way.
_KNOWN = {
    "楼道灯": "street_light",
    "暖气": "heating",
    "垃圾": "garbage",
    "下水道": "sewage",
    "蚊子": "pest_control",
    "油烟": "pollution",
    "物业": "property_service",
    "吵": "noise",
    "怎么样": "ask_progress",
    "催": "urge",
    "你好": "greet",
    "谢谢": "thanks",
    "解决了": "satisfied",
    "没修好": "dissatisfied",
    "算了": "withdraw",
    "转人工": "human",
    "建议": "propose_topic",
}


class DiceReader:
    """Deterministic in seed, text and how often the text was read; now and then it is away, as the real one is."""

    ready = True

    def __init__(self, seed: str, away: float = 0.02) -> None:
        self._seed = seed
        self._away = away
        self._read: Counter[str] = Counter()

    def _dice(self, text: str) -> Random:
        self._read[text] += 1
        return Random(f"{self._seed}:{self._read[text]}:{text}")

    async def understand(self, text: str) -> Understanding:
        """Any valid Understanding of the text.

        Raises:
            NluUnavailable: the dice said so.
        """
        text = clean(text)
        if (plain := without_asking(text)) is not None:
            return plain
        rng = self._dice(text)
        if rng.random() < self._away:
            raise NluUnavailable("the dice said so")
        intent, confidence = self._intent(rng, text)
        left, ranking = 1.0 - confidence, [(intent, confidence)]
        for label in rng.sample(_REQUESTS + _TALK, 4):
            if label != intent:
                score = min(confidence, left * rng.random())
                left -= score
                ranking.append((label, score))
        also = tuple(rng.sample(_REQUESTS, rng.choice([1, 1, 2]))) if rng.random() < 0.1 else ()
        cut = rng.randint(1, len(text) - 1) if also and len(text) > 1 else 0
        return Understanding(
            text=text,
            intent=intent,
            confidence=confidence,
            ranking=tuple(sorted(ranking, key=lambda pair: -pair[1])),
            also=also,
            entities=tuple(self._entity(rng, text) for _ in range(rng.choice([0, 0, 1, 2, 4]))),
            parts=(text[:cut], text[cut:]) if cut else (),
        )

    async def alike(self, text: str, others: Sequence[str]) -> list[float]:
        """Any chances.

        Raises:
            NluUnavailable: the dice said so.
        """
        rng = self._dice(text)
        if rng.random() < self._away:
            raise NluUnavailable("the dice said so")
        return [rng.choice([0.01, 0.3, 0.7, 0.99]) for _ in others]

    @staticmethod
    def _intent(rng: Random, text: str) -> tuple[str, float]:
        known = next((label for word, label in _KNOWN.items() if word in text), "")
        if known and rng.random() < 0.8:
            return known, rng.uniform(0.6, 0.99)
        intent = EMERGENCY if rng.random() < 0.02 else rng.choice([*_TALK, *_TALK, *_REQUESTS])
        return intent, rng.choice([0.05, 0.2, 0.3, 0.45, 0.5, 0.62, 0.8, 0.95, 1.0])

    @staticmethod
    def _entity(rng: Random, text: str) -> Entity:
        start = rng.randrange(len(text))
        end = min(len(text), start + rng.randint(1, 8))
        return Entity(rng.choice(ENTITY_KINDS), text[start:end], start, end)
