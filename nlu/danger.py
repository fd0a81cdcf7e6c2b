"""Is somebody in danger now? The net of plain code and the reader decide together; either can do it alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nlu import safety
from nlu.safety import Danger
from nlu.understanding import EMERGENCY, Understander, Understanding, is_foreign


@dataclass(frozen=True, slots=True)
class Heard:
    """`now`: answer with the number at once. `perhaps`: the net heard words of danger where the reader is sure of an
    ordinary matter, or the reader has a suspicion; the matter is taken, and the number is said beside it."""

    now: bool
    perhaps: bool = False
    danger: Danger | None = None  # which kind, when the net knows it


@dataclass(frozen=True, slots=True)
class Ear:
    """How the two are weighed; an operator's settings."""

    above: float  # the reader alone is believed from here on
    doubt_below: float  # the net is overruled when the reader thinks danger less likely than this
    perhaps_above: float = 0.1  # the reader alone: the number is said beside the answer

    def hear(self, text: str, u: Understanding | None) -> Heard:
        """Without the reader, the net alone decides."""
        danger = safety.check(text)
        if u is None:
            return Heard(danger is not None, danger=danger)
        likely = u.confidence if u.intent == EMERGENCY else dict(u.ranking).get(EMERGENCY, 0.0)
        if danger is not None:
            # A farewell reads like thanks, and other languages are not read at all: there the net is not overruled.
            beyond_doubt = danger.certain or danger.kind == "suicide"
            sure = likely >= self.doubt_below or beyond_doubt or is_foreign(text)
            return Heard(sure, not sure, danger)
        perhaps = self.perhaps_above <= likely or safety.tells_of_a_fall(text)
        return Heard(likely >= self.above, perhaps and likely < self.above)


class Guarded:
    """A reader with the net in front of it: what the product makes of a message, for measuring."""

    def __init__(self, reader: Understander, ear: Ear) -> None:
        self._reader = reader
        self._ear = ear

    async def understand(self, text: str) -> Understanding:
        """As the reader, but danger is danger when the two together say so, and is not when they don't."""
        u = await self._reader.understand(text)
        heard = self._ear.hear(text, u)
        if heard.now and u.intent != EMERGENCY:
            return replace(u, intent=EMERGENCY, confidence=1.0, ranking=((EMERGENCY, 1.0), *u.ranking), also=())
        if not heard.now and u.intent == EMERGENCY and len(u.ranking) > 1:
            name, confidence = u.ranking[1]
            return replace(u, intent=name, confidence=confidence, ranking=u.ranking[1:])
        return u

    async def alike(self, text: str, others: Sequence[str]) -> list[float]:
        """As the reader."""
        return await self._reader.alike(text, others)
