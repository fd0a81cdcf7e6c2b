"""Finds a second, separately fixable request in one message: two pieces that ask for different things, and the whole
in which the encoder's head for requests sees both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message

from components.clauses import Cut, cuts_of
from components.normal_form import normal_form
from components.sentence_embedding import READING
from components.shipped_reader import Reading, ShippedReader, shipped_reader

# Of the signs in their order; tune.py
WEIGHTS = (1.0, 1.0, -0.5, -0.25, 1.0, 0.3)
SUSPICION = 0.08  # the head sees hardly a trace of another request: the pieces are not read at all
MOST_CUTS = 2  # each costs the reading of two pieces; more found nothing more on the tuning set


class Second(NamedTuple):
    """Another request: how sure, which, and the piece of the message that asks for the first and for this one."""

    score: float
    name: str
    first_words: str
    words: str
    comes_first: bool  # it is told before the other


def second_of(first: str, text: str, whole: Reading, reader: ShippedReader) -> Second | None:
    """The other request that the message holds beside `first`; None when it holds none."""
    requests = reader.requests
    if first not in requests:
        return None
    mine = requests.index(first)
    others = whole.requests.copy()
    others[mine] = 0.0
    if others.max() < SUSPICION:
        return None
    cuts = cuts_of(text, MOST_CUTS)
    if not cuts:
        return None
    pieces = [piece for cut in cuts for piece in (text[: cut.at], text[cut.at :])]
    asked = reader.asked_in(pieces)
    found = [
        _judged(mine, cut, at + told, at + 1 - told, pieces, asked, others, requests)
        for at, cut in zip(range(0, len(pieces), 2), cuts, strict=True)
        for told in (0, 1)
    ]
    return max(found)


def _judged(
    mine: int,
    cut: Cut,
    one: int,
    two: int,
    pieces: Sequence[str],
    asked: np.ndarray,
    others: np.ndarray,
    requests: Sequence[str],
) -> Second:
    """Piece `one` asks for what the message was read as; what does piece `two` ask for, and how surely for something else?"""
    rest = asked[two].copy()
    rest[mine] = 0.0
    second = int(rest.argmax())
    signs = signs_of(asked[one], asked[two], mine, second, others, cut)
    return Second(float(np.dot(WEIGHTS, signs)), requests[second], pieces[one], pieces[two], two < one)


def signs_of(
    one: np.ndarray, two: np.ndarray, mine: int, second: int, others: np.ndarray, cut: Cut
) -> tuple[float, ...]:
    """What `WEIGHTS` weigh: the one piece is surely the message's request, the other surely is not, but something else."""
    return (
        math.log(one[mine] + 1e-3),
        math.log(two[second] + 1e-3),
        math.log(two[mine] + 1e-3),
        math.log(one[second] + 1e-3),
        math.log(others[second] + 1e-3),
        float(cut.strength),
    )


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class SecondRequestFinder(GraphComponent):
    """Sets `also`, a list of intents, on the message and in the parse response; `parts` are the pieces of the message
    that ask for the first and for the second."""

    @classmethod
    def required_components(cls) -> list[type]:
        return [IntentClassifier]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"threshold": 2.3}

    def __init__(self, config: dict[str, Any]) -> None:
        self._threshold = float(config["threshold"])

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SecondRequestFinder:
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            also: list[str] = []
            parts: list[str] = []
            reading = message.get(READING)
            if message.get(INTENT) and reading is not None:
                text = normal_form(message.get(TEXT))
                found = second_of(message.get(INTENT)["name"], text, reading, shipped_reader())
                if found is not None and found.score >= self._threshold:
                    if found.comes_first:
                        found = _as_told(message, found)
                    also.append(found.name)
                    parts = [found.first_words, found.words]
            message.set("also", also, add_to_output=True)
            message.set("parts", parts, add_to_output=True)
        return messages


def _as_told(message: Message, found: Second) -> Second:
    """What is told first is the message's intent: the two change places, in the ranking too."""
    heard = message.get(INTENT)["name"]
    renamed = {heard: found.name, found.name: heard}
    ranking = [{**row, "name": renamed.get(row["name"], row["name"])} for row in message.get(INTENT_RANKING_KEY)]
    message.set(INTENT, ranking[0], add_to_output=True)
    message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
    return Second(found.score, heard, found.words, found.first_words, comes_first=False)
