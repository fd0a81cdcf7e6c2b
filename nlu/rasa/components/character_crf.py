"""Where it is and since when: verbatim spans, on which a conditional random field of the characters and the encoder's
own head agree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import jieba
import numpy as np
import pycrfsuite
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from components.normal_form import normal_form, shape
from components.sentence_embedding import READING
from components.shipped_reader import Reading, shipped_reader

NAMELESS = 3  # of the messages that name no place or time, every third is enough to learn what none looks like
FILE = "character_crf.model"
Span = tuple[str, int, int]

# What addresses and times are made of; a character learns which of these it is in, begins or comes before.
SIGNS = {
    "estate": r"小区|家属[院楼]|宿舍|花园|[家佳]园|苑|公寓|新[村城区]|[一二三四五六七八九十\d]+号院|大院|社区|公馆|华[府庭]"
    r"|名[都邸城]|里弄|村|营子?|嘎查|庄",
    "building": r"(?:\d{1,3}|[一二三四五六七八九十]{1,3}|[a-z])(?:号楼|栋|座|幢|#楼?|号(?=\d单元|[一二三四]单元))",
    "unit": r"(?:\d{1,2}|[一二三四五六七八九十东西中南北甲乙丙]{1,2})(?:单元|门洞?|个?门栋)",
    "room": r"(?<!\d)\d{3,4}(?:室|号|户)?(?!\d)|(?:\d{1,2}|[一二三四五六七八九十]{1,2})(?:楼|层)(?:[东西中]户)?",
    "dashes": r"(?<!\d)\d{1,2}[-—–]\d{1,2}[-—–]\d{3,4}(?!\d)",
    "place": r"[路街巷道桥园站场店市楼院坡沟渠](?:口|头|边|上|里|旁|东|西|南|北|门)?|[东西南北正后前侧]门(?:口|外)?|路口|丁字路"
    r"|门口|对面|拐角|学校|幼儿园|超市|医院|河边|跟前|旁边|[东西南北]侧|[东西南北]头",
    "time": r"[昨今前明]?[天晚早夜年]|\d{1,2}[点:：]\d{0,2}|\d+月\d+[日号]|[早中晚]上|[上下]午|半夜|凌晨|傍晚|黄昏|周[一二三四五六日末天]"
    r"|礼拜|星期|月|[一二两三四五六七八九十几半\d]+(?:个?多?[天日月年周宿]|个?(?:礼拜|星期|小时|钟头|分钟))|以[来后]"
    r"|每[天晚周月年]|整宿|一直",
}
_SIGNS = {kind: re.compile(pattern) for kind, pattern in SIGNS.items()}


def features_of(text: str) -> list[list[str]]:
    """For each character what is known about it and its neighbours."""
    plain = normal_form(text)
    shapes = "".join(map(shape, plain))
    signs: list[list[str]] = [[] for _ in plain]
    for kind, pattern in _SIGNS.items():
        for match in pattern.finditer(plain):
            for at in range(match.start(), match.end()):
                place = "B" if at == match.start() else "E" if at == match.end() - 1 else "I"
                signs[at].append(f"sign={kind}-{place}")
            for back in range(1, 6):  # a name stands before what it is the name of
                if match.start() - back >= 0:
                    signs[match.start() - back].append(f"before={kind}" if back > 2 else f"before={kind}{back}")
    words = [(word, at) for word in jieba.cut(plain) for at in range(len(word))]
    padded, marks = f"^^^{plain}$$$", f"^^^{shapes}$$$"
    rows = []
    for at in range(len(plain)):
        middle = at + 3
        row = ["bias", *signs[at], f"run={_run(shapes, at)}"]
        row += [f"c{offset}={padded[middle + offset]}" for offset in range(-3, 4)]
        row += [f"s{offset}={marks[middle + offset]}" for offset in range(-2, 3)]
        row += [f"b{offset}={padded[middle + offset : middle + offset + 2]}" for offset in range(-2, 2)]
        row += [f"t{offset}={padded[middle + offset : middle + offset + 3]}" for offset in (-2, -1, 0)]
        word, inside = words[at]
        row += [f"w={word}", f"wp={min(inside, 3)}/{min(len(word), 4)}"]
        if at + len(word) - inside < len(plain):
            row.append(f"w+1={words[at + len(word) - inside][0]}")
        if at > inside:
            row.append(f"w-1={words[at - inside - 1][0]}")
        row += [f"m={marks[middle - 2 : middle + 3]}"]
        rows.append(row)
    return rows


def _run(shapes: str, at: int) -> str:
    """How long the run of like characters is that this one stands in; four digits are rarely a building."""
    if shapes[at] not in "9a":
        return "-"
    start, end = at, at + 1
    while start > 0 and shapes[start - 1] == shapes[at]:
        start -= 1
    while end < len(shapes) and shapes[end] == shapes[at]:
        end += 1
    return f"{shapes[at]}{min(end - start, 5)}:{at - start}"


def labels_of(length: int, spans: list[Span]) -> list[str]:
    labels = ["O"] * length
    for kind, start, end in spans:
        labels[start] = f"B-{kind}"
        labels[start + 1 : end] = [f"I-{kind}"] * (end - start - 1)
    return labels


def spans_of(labels: list[str]) -> list[Span]:
    spans: list[Span] = []
    start: int | None = None
    for at, label in enumerate([*labels, "O"]):
        if start is not None and label != f"I-{labels[start][2:]}":
            spans.append((labels[start][2:], start, at))
            start = None
        if start is None and label != "O":
            start = at
    return spans


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class CharacterCrfExtractor(EntityExtractorMixin, GraphComponent):
    @staticmethod
    def required_packages() -> list[str]:
        return ["sklearn_crfsuite"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        # head_weight: how much the encoder's head has to say, beside the random field's 1 - head_weight
        return {"c1": 0.1, "c2": 0.02, "max_iterations": 120, "head_weight": 0.0}

    def __init__(
        self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, tagger: Any = None
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._tagger = tagger

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> CharacterCrfExtractor:
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> CharacterCrfExtractor:
        with model_storage.read_from(resource) as directory:
            tagger = pycrfsuite.Tagger()
            tagger.open(str(directory / FILE))  # reads it whole: the directory is temporary
            return cls(config, model_storage, resource, tagger)

    def train(self, training_data: TrainingData) -> Resource:
        trainer = pycrfsuite.Trainer(verbose=False)
        trainer.set_params(
            {
                "c1": self._config["c1"],
                "c2": self._config["c2"],
                "max_iterations": self._config["max_iterations"],
                "feature.possible_transitions": True,
            }
        )
        for number, message in enumerate(training_data.training_examples):
            if text := message.get(TEXT):
                spans = [(row["entity"], row["start"], row["end"]) for row in message.get(ENTITIES, [])]
                if spans or number % NAMELESS == 0:
                    trainer.append(features_of(text), labels_of(len(text), spans))
        with self._model_storage.write_to(self._resource) as directory:
            trainer.train(str(directory / FILE))
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            text = message.get(TEXT) or ""
            found = [
                {"entity": kind, "start": start, "end": end, "value": text[start:end]}
                for kind, start, end in self._find(text, message.get(READING))
            ]
            message.set(ENTITIES, self.add_extractor_name(found), add_to_output=True)
        return messages

    def _find(self, text: str, reading: Reading | None) -> list[Span]:
        if self._tagger is None or not text:
            return []
        features = features_of(text)
        weight = self._config["head_weight"]
        if reading is None or not weight:
            labels = self._tagger.tag(features)
        else:
            tags = shipped_reader().tags
            self._tagger.set(features)
            known = set(self._tagger.labels())
            field = np.array(
                [[self._tagger.marginal(tag, at) if tag in known else 0.0 for tag in tags] for at in range(len(text))]
            )
            labels = best_path((1 - weight) * field + weight * np.exp(reading.tags), tags)
        trimmed = ((kind, *_trim(text, start, end)) for kind, start, end in joined(text, spans_of(labels)))
        return [(kind, start, end) for kind, start, end in trimmed if start < end]


def joined(text: str, spans: list[Span]) -> list[Span]:
    """No building begins in the middle of a number: 3|6号楼 is 36号楼."""
    whole: list[Span] = []
    for kind, start, end in spans:
        if whole and whole[-1][0] == kind and whole[-1][2] == start and text[start - 1 : start + 1].isdigit():
            whole[-1] = (kind, whole[-1][1], end)
        else:
            whole.append((kind, start, end))
    return whole


def best_path(chances: np.ndarray, tags: Sequence[str]) -> list[str]:
    """The likeliest row of tags in which no inside stands without its beginning."""
    scores = np.log(chances + 1e-9)
    inside, step = _steps(tuple(tags))
    total = np.where(inside, -1e9, scores[0])
    back: list[np.ndarray] = []
    for row in scores[1:]:
        ways = total[:, None] + step
        back.append(ways.argmax(axis=0))
        total = ways.max(axis=0) + row
    path = [int(total.argmax())]
    for choice in reversed(back):
        path.append(int(choice[path[-1]]))
    return [tags[at] for at in reversed(path)]


@lru_cache(maxsize=1)
def _steps(tags: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Which tags are insides, and what it costs to go from one tag (row) to another (column)."""
    inside = np.array([tag.startswith("I-") for tag in tags])
    may_follow = [
        [not within or before[2:] == tag[2:] for tag, within in zip(tags, inside, strict=True)] for before in tags
    ]
    return inside, np.where(may_follow, 0.0, -1e9)


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Without spaces and punctuation at the rims."""
    while start < end and not (text[start].isalnum() or text[start] in "#（("):
        start += 1
    while end > start and not (text[end - 1].isalnum() or text[end - 1] in "#）)"):
        end -= 1
    return start, end
