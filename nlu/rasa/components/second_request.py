"""Finds a second, separately fixable request in one message: two pieces that ask for different things, and the whole
in which the encoder's head for requests sees both."""

from __future__ import annotations

import math
from typing import Any

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


def second_of(first: str, text: str, whole: Reading, reader: ShippedReader) -> tuple[float, str] | None:
    """How sure it is that the message holds another request beside `first`, and which; None when it holds none."""
    requests = reader.requests
    if first not in requests:
        return None
    mine = requests.index(first)
    others = whole.requests.copy()
    others[mine] = 0.0
    if others.max() < SUSPICION:
        return None
    best: tuple[float, str] | None = None
    for cut in cuts_of(text, MOST_CUTS):
        left, right = (
            np.exp(piece.intents)[: len(requests)] for piece in reader.read([text[: cut.at], text[cut.at :]])
        )
        for one, two in ((left, right), (right, left)):
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
            if best is None or score > best[0]:
                best = (score, requests[second])
    return best


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class SecondRequestFinder(GraphComponent):
    """Sets `also`, a list of intents, on the message and in the parse response."""

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
            reading = message.get(READING)
            if message.get(INTENT) and reading is not None:
                text = normal_form(message.get(TEXT))
                found = second_of(message.get(INTENT)["name"], text, reading, shipped_reader())
                if found is not None and found[0] >= self._threshold:
                    also.append(found[1])
            message.set("also", also, add_to_output=True)
        return messages
