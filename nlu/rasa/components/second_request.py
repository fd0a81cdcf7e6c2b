"""Finds a second, separately fixable request in one message: two pieces that ask for different things, and the whole
in which the encoder's head for requests sees both."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message

from components.clauses import cuts_of
from components.normal_form import normal_form
from components.sentence_embedding import READING
from components.shipped_reader import Reading, ShippedReader, shipped_reader

SUSPICION = 0.04  # the head sees hardly a trace of another request: the pieces are not read at all
MOST_CUTS = 4  # each costs two readings


class Second(NamedTuple):
    """Another request: how sure, which, and the piece of the message that asks for the first and for this one."""

    score: float
    name: str
    first_words: str
    words: str


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
    best: Second | None = None
    for cut in cuts_of(text, MOST_CUTS):
        pieces = [text[: cut.at], text[cut.at :]]
        left, right = (np.exp(piece.intents)[: len(requests)] for piece in reader.read(pieces))
        for one, two, told in ((left, right, pieces), (right, left, pieces[::-1])):
            rest = two.copy()
            rest[mine] = 0.0
            second = int(rest.argmax())
            # the one piece is surely the message's request; the other surely is not, but something else
            score = (
                math.log(one[mine] + 1e-3)
                + math.log(two[second] + 1e-3)
                - 0.5 * math.log(two[mine] + 1e-3)
                - 0.25 * math.log(one[second] + 1e-3)
                + math.log(others[second] + 1e-3)
                + 0.3 * cut.strength
            )
            if best is None or score > best.score:
                best = Second(score, requests[second], *told)
    return best


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
                    also.append(found.name)
                    parts = [found.first_words, found.words]
            message.set("also", also, add_to_output=True)
            message.set("parts", parts, add_to_output=True)
        return messages
