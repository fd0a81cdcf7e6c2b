"""Two reports in one text: are they one problem? Read by the shipped reader's head for pairs; the pipeline skips them."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from components.normal_form import normal_form
from components.shipped_reader import shipped_reader

BETWEEN = "\u241e"  # nlu/understanding.py has the same
MOST = 12  # more than anybody would be shown


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SameProblemJudge(GraphComponent):
    """First in the pipeline: sets `same`, a chance for each report after the first, and leaves no text to read."""

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SameProblemJudge:
        return cls()

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Training messages are single."""
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            text = message.get(TEXT) or ""
            if BETWEEN in text:
                mine, *others = map(normal_form, text.split(BETWEEN))
                message.set("same", shipped_reader().same(mine, others[:MOST]), add_to_output=True)
                message.set(TEXT, "")
        return messages
