"""Which intent: a reader of the letters votes with its margins, one of the sense and the encoder's own head with their
log-chances."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

import joblib
import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.featurizers.featurizer import Featurizer
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import vstack
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from components.sentence_embedding import READING
from components.shipped_reader import shipped_reader

FILE = "linear_intents.joblib"
NAMES = "intents.json"  # what the model tells apart: the application reads it before it serves a model
OUT_OF_SCOPE = "out_of_scope"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class LinearIntentClassifier(IntentClassifier, GraphComponent):
    @classmethod
    def required_components(cls) -> list[type]:
        return [Featurizer]

    @staticmethod
    def required_packages() -> list[str]:
        return ["sklearn"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            "letters_weight": 4.0,
            "sense_weight": 0.0,
            "head_weight": 1.0,
            "letters_c": 1.0,
            "sense_c": 0.02,
            "temperature": 1.0,
            "ranking_length": 10,
        }

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        fitted: tuple[LinearSVC, LogisticRegression] | None = None,
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._readers = fitted or (
            LinearSVC(C=config["letters_c"], random_state=1),
            LogisticRegression(C=config["sense_c"], max_iter=300, random_state=1),
        )

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> LinearIntentClassifier:
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> LinearIntentClassifier:
        with model_storage.read_from(resource) as directory:
            return cls(config, model_storage, resource, fitted=joblib.load(directory / FILE))

    def train(self, training_data: TrainingData) -> Resource:
        examples = [m for m in training_data.intent_examples if m.get(INTENT) and m.get(TEXT)]
        labels = [example.get(INTENT) for example in examples]
        letters, sense = self._readers
        letters.fit(vstack([_letters_of(example) for example in examples]), labels)
        sense.fit(np.vstack([_sense_of(example) for example in examples]), labels)
        with self._model_storage.write_to(self._resource) as directory:
            joblib.dump(self._readers, directory / FILE)
            (directory / NAMES).write_text(json.dumps(self._names), "utf-8")
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            if not message.get(TEXT):
                message.set(INTENT, {"name": OUT_OF_SCOPE, "confidence": 0.0}, add_to_output=True)
                message.set("intent_ranking", [], add_to_output=True)
                continue
            self._judge(message)
        return messages

    @property
    def _names(self) -> list[str]:
        return [str(name) for name in self._readers[0].classes_]

    @cached_property
    def _head_order(self) -> list[int]:
        """Where the encoder's head has each of our names."""
        return [shipped_reader().intents.index(name) for name in self._names]

    def _judge(self, message: Message) -> None:
        letters, sense = self._readers
        vote = self._config["letters_weight"] * letters.decision_function(_letters_of(message))[0]
        if self._config["sense_weight"] and (vector := _sense_of(message)) is not None:
            vote = vote + self._config["sense_weight"] * np.log(sense.predict_proba(vector)[0] + 1e-9)
        if (reading := message.get(READING)) is not None:
            vote = vote + self._config["head_weight"] * reading.intents[self._head_order]
        chances = _softmax(vote / self._config["temperature"])
        ranking = sorted(zip(self._names, map(float, chances), strict=False), key=lambda row: -row[1])
        rows = [{"name": name, "confidence": chance} for name, chance in ranking]
        message.set(INTENT, rows[0], add_to_output=True)
        message.set("intent_ranking", rows[: self._config["ranking_length"]], add_to_output=True)


def _letters_of(message: Message) -> Any:
    return message.get_sparse_features(TEXT)[1].features.tocsr()


def _sense_of(message: Message) -> np.ndarray | None:
    features = message.get_dense_features(TEXT)[1]
    return None if features is None else features.features


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()
