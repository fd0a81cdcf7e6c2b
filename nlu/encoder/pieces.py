"""The tokenizer: of a quarter of a million pieces for a hundred languages, those that Chinese messages can need."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from packed_e5 import PackedModel
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import Unigram
from tokenizers.processors import TemplateProcessing

SPACE = "▁"
LONGEST = 128  # tokens; a resident's message has about 20
SPECIAL = ("<s>", "</s>", "<pad>", "<unk>")


def whole(model: PackedModel) -> Tokenizer:
    """With all pieces: to see which ones a text is made of."""
    return _tokenizer(list(zip(model.pieces, map(float, model.scores), strict=True)), model.special["unk"])


def pruned(model: PackedModel, texts: Iterable[str]) -> tuple[Tokenizer, list[int]]:
    """A tokenizer with a small vocabulary, and which row of the embedding each of its pieces had.

    Kept are the special pieces, every piece that `texts` are made of, every single character of Chinese, ASCII and
    punctuation, and every piece of two Chinese characters: unseen messages must not turn into unknowns.
    """
    seen: set[int] = set()
    for encoding in whole(model).encode_batch(list(texts), add_special_tokens=False):
        seen.update(encoding.ids)
    special = [model.special[name] for name in ("bos", "eos", "pad", "unk")]
    kept = special + [
        index
        for index, piece in enumerate(model.pieces)
        if index not in special and (index in seen or _is_needed(piece.removeprefix(SPACE)))
    ]
    vocabulary = [
        (SPECIAL[i] if i < 4 else model.pieces[index], float(model.scores[index])) for i, index in enumerate(kept)
    ]
    return _tokenizer(vocabulary, 3), kept


def _is_needed(text: str) -> bool:
    if len(text) <= 1:
        return not text or _is_chinese(text) or text.isascii() or unicodedata.category(text).startswith(("P", "S", "N"))
    return len(text) == 2 and all(_is_chinese(char) for char in text)


def _is_chinese(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff" or char in "〇零"


def _tokenizer(vocabulary: list[tuple[str, float]], unknown: int) -> Tokenizer:
    tokenizer = Tokenizer(Unigram(vocabulary, unk_id=unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" ", SPACE)])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme="first")
    ids = {piece: index for index, (piece, _) in enumerate(vocabulary)}
    if "<s>" in ids:
        tokenizer.post_processor = TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", ids["<s>"]), ("</s>", ids["</s>"])]
        )
    tokenizer.enable_truncation(LONGEST)
    return tokenizer
