"""Finds the weights of config.yml on the tuning set: who has how much to say, and when a second request is believed.

    .venv/bin/python tune.py ../../tests/nlu/dev_author.jsonl

Trains the readers on data/, never on the tuning set, and prints the best values with what they reach there. The exams
(tests/nlu/test_*.jsonl) are not looked at.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from components.char_tfidf import LettersAndWords  # noqa: E402
from components.normal_form import normal_form  # noqa: E402
from components.second_request import second_of  # noqa: E402
from components.sentence_encoders import encode_for_training  # noqa: E402
from components.shipped_reader import shipped_reader  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.metrics import f1_score, roc_auc_score  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.svm import LinearSVC  # noqa: E402
from train import MARK, examples_of, intents_of_domain  # noqa: E402


def training() -> tuple[list[str], list[str]]:
    intents = intents_of_domain()
    rows = [row for file in sorted((HERE / "data").rglob("*.yml")) for row in examples_of(file, intents)]
    return [normal_form(MARK.sub(r"\1", text)) for _, _, text in rows], [intent for _, intent, _ in rows]


def votes(texts: list[str]) -> tuple[list[str], dict[str, np.ndarray], list[Any]]:
    """Names in order, each reader's log-chances of the texts, and the encoder's readings."""
    known, labels = training()
    letters = LettersAndWords(1, 2, 1, 0.7)
    letters.fit(known)
    first = LinearSVC(C=1.0, random_state=1).fit(letters.transform(known), labels)
    vectors = encode_for_training("", "query: ", known)
    scaler = StandardScaler().fit(vectors)
    second = LogisticRegression(C=0.02, max_iter=300, random_state=1).fit(scaler.transform(vectors), labels)
    readings = shipped_reader().read(texts)
    names = [str(name) for name in first.classes_]
    order = [shipped_reader().intents.index(name) for name in names]
    own = np.stack([reading.vector for reading in readings])
    chances = {
        "letters": first.decision_function(letters.transform(texts)),
        "sense": np.log(second.predict_proba(scaler.transform(own)) + 1e-9),
        "head": np.stack([reading.intents[order] for reading in readings]),
    }
    return names, chances, readings


def scores_of(rows: list[dict], names: list[str], vote: np.ndarray) -> tuple[float, float, np.ndarray]:
    guesses = [names[i] for i in vote.argmax(1)]
    right = np.array([g == r["label"] or g in r.get("accept", []) for g, r in zip(guesses, rows, strict=True)])
    wanted = [r["label"] for r in rows]
    named = [w if ok else g for w, g, ok in zip(wanted, guesses, right, strict=True)]
    return float(right.mean()), float(f1_score(wanted, named, average="macro", labels=sorted(set(wanted)))), right


def ece(chances: np.ndarray, right: np.ndarray) -> float:
    sure = chances.max(1)
    bins = np.minimum((sure * 10).astype(int), 9)
    return float(sum((bins == b).mean() * abs(sure[bins == b].mean() - right[bins == b].mean()) for b in set(bins)))


def main() -> None:
    rows = [json.loads(line) for line in Path(sys.argv[1]).read_text("utf-8").splitlines()]
    names, chances, readings = votes([normal_form(row["text"]) for row in rows])
    for reader, vote in chances.items():
        accuracy, macro, _ = scores_of(rows, names, vote)
        print(f"{reader} alone: accuracy {accuracy:.4f} macro-F1 {macro:.4f}")
    found = []
    for a, b, c in itertools.product((2, 3, 4, 5, 6, 8), (0, 0.2, 0.4), (0.5, 0.7, 1.0)):
        vote = a * chances["letters"] + b * chances["sense"] + c * chances["head"]
        accuracy, macro, right = scores_of(rows, names, vote)
        for temperature in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5):
            shifted = vote / temperature - (vote / temperature).max(1, keepdims=True)
            share = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
            auroc = roc_auc_score([r["label"] == "out_of_scope" for r in rows], share[:, names.index("out_of_scope")])
            found.append(
                (
                    accuracy + macro - ece(share, right),
                    accuracy,
                    macro,
                    ece(share, right),
                    auroc,
                    (a, b, c),
                    temperature,
                )
            )
    for _, accuracy, macro, gap, auroc, weights, temperature in sorted(found, reverse=True)[:8]:
        print(
            f"letters, sense, head {weights}, temperature {temperature}: accuracy {accuracy:.4f} macro-F1 {macro:.4f}"
            f" ECE {gap:.3f} out-of-scope AUROC {auroc:.4f}"
        )
    best = max(found)[5]
    vote = sum(w * chances[k] for w, k in zip(best, ("letters", "sense", "head"), strict=True))
    second_requests(rows, readings, [names[i] for i in vote.argmax(1)])


def second_requests(rows: list[dict], readings: list[Any], firsts: list[str]) -> None:
    """Recall and vain splits at every threshold that changes them."""
    seconds = [
        second_of(first, normal_form(row["text"]), reading, shipped_reader())
        for row, reading, first in zip(rows, readings, firsts, strict=True)
    ]
    for threshold in sorted({round(second[0], 1) for second in seconds if second and second[0] > -1}, reverse=True):
        count: Counter = Counter()
        for row, first, second in zip(rows, firsts, seconds, strict=True):
            also = second[1] if second and second[0] >= threshold else None
            if row.get("also"):
                swapped = also is not None and (also == row["label"] or also in row.get("accept", []))
                count["wanted"] += len(row["also"])
                count["found"] += also in row["also"] or (swapped and first in row["also"])
            else:
                count["single"] += 1
                count["split"] += also is not None
        recall, split = count["found"] / max(1, count["wanted"]), count["split"] / count["single"]
        if 0.005 < split < 0.06:
            print(f"second request at {threshold}: recall {recall:.3f}, split in vain {split:.4f}")


if __name__ == "__main__":
    main()
