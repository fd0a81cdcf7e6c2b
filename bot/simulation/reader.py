"""Whoever reads the messages of a season: it knows the words that its people use, and needs no trained model."""

from collections.abc import Sequence

from bot.simulation import words
from nlu.understanding import OUT_OF_SCOPE, Understanding, clean

_SURE, _NOT_OURS = 0.96, 0.9


class Reader:
    """Knows what the season's residents write about; everything else is small talk to it."""

    ready = True

    async def understand(self, text: str) -> Understanding:
        """The category of the longest known phrase that stands in the message."""
        read = clean(text)
        known = [
            (len(phrase), category)
            for category, (_, phrases) in words.TEXTS.items()
            for phrase in phrases
            if phrase.rstrip("了") in read
        ]
        if not known:
            return Understanding(read, OUT_OF_SCOPE, _NOT_OURS, ((OUT_OF_SCOPE, _NOT_OURS),))
        category = max(known)[1]
        return Understanding(read, category, _SURE, ((category, _SURE),))

    async def alike(self, text: str, others: Sequence[str]) -> list[float]:
        """It has no opinion: the plain comparison of words decides."""
        return [0.0 for _ in others]
