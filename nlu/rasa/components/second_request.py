"""Finds a second, separately fixable request in one message: two pieces that ask for different things, surely enough."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message

from components.clauses import CUTS, Cut
from components.linear_intents import PROBABILITIES

# Intents that ask nobody to go and mend something.
NO_REQUESTS = frozenset(
    [
        "greet",
        "thanks",
        "goodbye",
        "ask_progress",
        "urge",
        "satisfied",
        "dissatisfied",
        "withdraw",
        "human",
        "help",
        "propose_topic",
        "emergency",
        "out_of_scope",
    ]
)
Chances = Mapping[str, float]


def best_pair(
    whole: Chances, cuts: Sequence[tuple[Cut, Chances, Chances]], bonus: Sequence[float]
) -> tuple[float, str] | None:
    """How sure it is that there is a second request, and which: log odds of the best cut, and its other intent."""
    first = max(whole, key=lambda name: whole[name])
    if first in NO_REQUESTS:
        return None
    best: tuple[float, str] | None = None
    for cut, left, right in cuts:
        for mine, other in ((left, right), (right, left)):
            second = max((name for name in other if name not in NO_REQUESTS and name != first), key=lambda n: other[n])
            # the one piece is surely the message's request, the other surely is not but something else
            score = (
                math.log(mine[first] + 1e-3)
                + math.log(other[second] + 1e-3)
                - 0.5 * math.log(other[first] + 1e-3)
                - 0.25 * math.log(mine[second] + 1e-3)
                + 0.5 * math.log(whole.get(second, 0.0) + 1e-3)
                + bonus[cut.strength]
            )
            if best is None or score > best[0]:
                best = (score, second)
    return best


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class SecondRequestFinder(GraphComponent):
    """Sets `also`, a list of intents, on the message and in the parse response."""

    @classmethod
    def required_components(cls) -> list[type]:
        return [IntentClassifier]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"threshold": 0.0, "bonus": [0.0, 0.0, 0.0]}

    def __init__(self, config: dict[str, Any]) -> None:
        self._threshold = float(config["threshold"])
        self._bonus = [float(value) for value in config["bonus"]]

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
            if message.get(INTENT) and message.get(PROBABILITIES):
                found = best_pair(
                    message.get(PROBABILITIES),
                    [
                        (cut, left.get(PROBABILITIES), right.get(PROBABILITIES))
                        for cut, left, right in message.get(CUTS, [])
                    ],
                    self._bonus,
                )
                if found and found[0] >= self._threshold:
                    also.append(found[1])
            message.set("also", also, add_to_output=True)
        return messages
