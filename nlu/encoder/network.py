"""The encoder with four heads: what kind of message, which requests are in it, which characters name a place or a time,
and of two messages read together whether they tell of one problem."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from packed_e5 import Config, PackedModel
from torch import Tensor, nn
from torch.nn import functional as F

CHARACTERS = 6  # of one piece that get a tag of their own; longer pieces repeat the last


class Layer(nn.Module):
    """One block of BERT: attention, then two dense layers, each added to what came in and normed after."""

    def __init__(self, shape: Config, dropout: float) -> None:
        super().__init__()
        self.heads = shape.heads
        self.query, self.key, self.value, self.joined = (nn.Linear(shape.hidden, shape.hidden) for _ in range(4))
        self.attention_norm = nn.LayerNorm(shape.hidden, shape.epsilon)
        self.wide = nn.Linear(shape.hidden, shape.inner)
        self.narrow = nn.Linear(shape.inner, shape.hidden)
        self.output_norm = nn.LayerNorm(shape.hidden, shape.epsilon)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, hidden_from: Tensor) -> Tensor:
        batch, length, width = x.shape
        query, key, value = (
            part(x).view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        weights = query @ key.transpose(2, 3) / math.sqrt(width // self.heads) + hidden_from
        mixed = (self.dropout(weights.softmax(-1)) @ value).transpose(1, 2).reshape(batch, length, width)
        x = self.attention_norm(x + self.dropout(self.joined(mixed)))
        return self.output_norm(x + self.dropout(self.narrow(F.gelu(self.wide(x)))))


class Reader(nn.Module):
    """`forward(ids, mask)` gives the sentence's vector, intent scores, request scores, tag scores of characters, and, for
    two messages with the end mark between them, the score that they are one problem."""

    def __init__(
        self, shape: Config, vocabulary: int, intents: int, requests: int, tags: int, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, shape.hidden)
        self.positions = nn.Parameter(torch.zeros(shape.positions, shape.hidden))
        self.kind = nn.Parameter(torch.zeros(shape.hidden))
        self.norm = nn.LayerNorm(shape.hidden, shape.epsilon)
        self.layers = nn.ModuleList(Layer(shape, dropout) for _ in range(shape.layers))
        self.dropout = nn.Dropout(dropout)
        self.intents = nn.Linear(shape.hidden, intents)
        self.requests = nn.Linear(shape.hidden, requests)
        self.tags = nn.Linear(shape.hidden, CHARACTERS * tags)
        self.same = nn.Linear(shape.hidden, 1)
        self.tag_count = tags
        # What all sentences have in common, and how far they differ: without it the heads begin by seeing one point.
        for name in ("sentence_middle", "sentence_spread", "piece_middle", "piece_spread"):
            self.register_buffer(name, torch.full((shape.hidden,), float(name.endswith("spread"))))

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        x, mean = self.encoded(ids, mask)
        sentence = self.dropout((mean - self.sentence_middle) / self.sentence_spread)
        piece = self.dropout((x - self.piece_middle) / self.piece_spread)
        tags = self.tags(piece).view(*ids.shape, CHARACTERS, self.tag_count)
        return (
            F.normalize(mean, dim=-1),
            self.intents(sentence),
            self.requests(sentence),
            tags,
            self.same(sentence)[:, 0],
        )

    def encoded(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Every piece in its context, and their mean."""
        x = self.words(ids) + self.positions[: ids.shape[1]] + self.kind
        x = self.dropout(self.norm(x))
        hidden_from = (1.0 - mask)[:, None, None, :] * -1e4
        for layer in self.layers:
            x = layer(x, hidden_from)
        x = x.float()
        return x, (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)


_NAMES = {
    "q": "query", "k": "key", "v": "value", "ao": "joined", "aln": "attention_norm", "fi": "wide", "fo": "narrow",
    "oln": "output_norm",
}  # fmt: skip


def load(reader: Reader, packed: PackedModel, kept: Sequence[int]) -> None:
    """Put the pretrained weights into a new reader; its heads stay as they were made."""
    tensors = packed.tensors
    state = {
        "words.weight": tensors["emb.word"][list(kept)],
        "positions": tensors["emb.pos"],
        "kind": tensors["emb.type"][0],
        "norm.weight": tensors["emb.ln.w"],
        "norm.bias": tensors["emb.ln.b"],
    }
    for number in range(packed.config.layers):
        for short, name in _NAMES.items():
            for ours, theirs in (("weight", "w"), ("bias", "b")):
                state[f"layers.{number}.{name}.{ours}"] = tensors[f"l{number}.{short}.{theirs}"]
    loaded = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in state.items()}
    missing, unexpected = reader.load_state_dict(loaded, strict=False)
    heads = {f"{head}.{part}" for head in ("intents", "requests", "tags", "same") for part in ("weight", "bias")}
    heads |= {f"{what}_{how}" for what in ("sentence", "piece") for how in ("middle", "spread")}
    if unexpected or set(missing) != heads:
        raise ValueError(
            f"the packed model is of another shape: missing {set(missing) - heads}, unexpected {unexpected}"
        )
