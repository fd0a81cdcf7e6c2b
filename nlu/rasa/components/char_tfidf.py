"""What is written: TF-IDF of character n-grams, which cross the word borders that typos move, and of words."""

from __future__ import annotations

from typing import Any

import jieba
import joblib
import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.sparse_featurizer.sparse_featurizer import SparseFeaturizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from components.normal_form import normal_form

FILE = "char_tfidf.joblib"
jieba.setLogLevel("ERROR")  # it reports its cache file on standard error


def words_of(text: str) -> list[str]:
    """Words, and the words inside long ones."""
    return [word for word in jieba.cut_for_search(text) if not word.isspace()]


class LettersAndWords:
    """Both views of a text side by side, in one sparse row."""

    def __init__(self, shortest: int, longest: int, rarest: int, words_weight: float) -> None:
        # lowercase=False: normal_form has done it
        common = {"lowercase": False, "sublinear_tf": True, "min_df": rarest, "dtype": np.float32}
        self._letters = TfidfVectorizer(analyzer="char", ngram_range=(shortest, longest), **common)
        self._words = TfidfVectorizer(analyzer=words_of, **common)
        self._words_weight = words_weight

    def fit(self, texts: list[str]) -> None:
        self._letters.fit(texts)
        self._words.fit(texts)

    def transform(self, texts: list[str]) -> csr_matrix:
        return hstack([self._letters.transform(texts), self._words.transform(texts) * self._words_weight]).tocsr()


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class CharTfidfFeaturizer(SparseFeaturizer, GraphComponent):
    @staticmethod
    def required_packages() -> list[str]:
        return ["sklearn", "jieba"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {**SparseFeaturizer.get_default_config(), "shortest": 1, "longest": 2, "rarest": 1, "words_weight": 0.7}

    def __init__(
        self, config: dict[str, Any], name: str, model_storage: ModelStorage, resource: Resource, fitted: Any = None
    ) -> None:
        super().__init__(name, config)
        self._model_storage = model_storage
        self._resource = resource
        self._vectorizer: LettersAndWords = fitted or LettersAndWords(
            config["shortest"], config["longest"], config["rarest"], config["words_weight"]
        )

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> CharTfidfFeaturizer:
        return cls(config, execution_context.node_name, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> CharTfidfFeaturizer:
        with model_storage.read_from(resource) as directory:
            return cls(
                config, execution_context.node_name, model_storage, resource, fitted=joblib.load(directory / FILE)
            )

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Nothing to check beyond what scikit-learn checks."""

    def train(self, training_data: TrainingData) -> Resource:
        self._vectorizer.fit([normal_form(m.get(TEXT)) for m in training_data.training_examples if m.get(TEXT)])
        with self._model_storage.write_to(self._resource) as directory:
            joblib.dump(self._vectorizer, directory / FILE)
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        readable = [message for message in messages if message.get(TEXT)]
        if readable:
            matrix = self._vectorizer.transform([normal_form(message.get(TEXT)) for message in readable])
            for row, message in enumerate(readable):
                message.add_features(Features(matrix[row], FEATURE_TYPE_SENTENCE, TEXT, self._identifier))
        return messages
