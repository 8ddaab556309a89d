"""Tokenizers of any kind in a loader: one call for a batch of texts, arrays, padding."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.data.collate import default_collate
from rushlight.data.lengths import PadCollate
from rushlight.data.workers.info import get_worker_info

from .tokenizers import ByteTokenizer

Texts = Sequence[str]


class Tokenize:
    """Texts to token numbers: one text to an array of int64, a list of texts to a list of arrays.

    `tokenizer` is one of Hugging Face's (`tokenizers.Tokenizer`, or any of `transformers`), one of
    `rushlight.text`, or a function from a text to numbers.  A list of texts is one call where the
    tokenizer has one.  `max_length` cuts; tokenizers that add special tokens leave room for them.
    Padding that the tokenizer was told to do is left to the collating.  The tokenizer itself is
    not changed.  What is no tokenizer, and what gives no numbers, is a TypeError.

    >>> from rushlight.text import ByteTokenizer
    >>> Tokenize(ByteTokenizer(), max_length=3)(["rush", "go"])
    [array([114, 117, 115]), array([103, 111])]
    """

    def __init__(
        self, tokenizer: Any, max_length: int | None = None, add_special_tokens: bool = True
    ):
        if max_length is not None and max_length < 1:
            raise ValueError(f"max_length should be at least 1, but got {max_length}")
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.add_special_tokens = add_special_tokens
        self.padding_number, self.padding_side = _padding_of(tokenizer)
        self._encode = self._chosen()

    def _chosen(self) -> Callable[[Texts], Sequence[Any]]:
        """How this kind of tokenizer encodes many texts."""
        if hasattr(self.tokenizer, "encode_batch"):
            self.tokenizer = self._adapted(self.tokenizer)
            return self._by_tokenizers
        if callable(self.tokenizer) and hasattr(self.tokenizer, "convert_tokens_to_ids"):
            return self._by_transformers
        if isinstance(self.tokenizer, ByteTokenizer):
            return self._by_bytes
        if callable(getattr(self.tokenizer, "encode", None)):
            return self._by_encode
        if callable(self.tokenizer):
            return self._by_function
        kind = type(self.tokenizer).__name__
        raise TypeError(f"tokenizer should have encode_batch or encode, or be callable: {kind}")

    def _adapted(self, tokenizer: Any) -> Any:
        """A copy that pads nothing and cuts at `max_length`."""
        if tokenizer.padding is None and self.max_length is None:
            return tokenizer
        tokenizer = copy.deepcopy(tokenizer)
        tokenizer.no_padding()
        if self.max_length is not None:
            given = dict(tokenizer.truncation or {})
            tokenizer.enable_truncation(**{**given, "max_length": self.max_length})
        return tokenizer

    def _by_tokenizers(self, texts: Texts) -> Sequence[Any]:
        encode = getattr(self.tokenizer, "encode_batch_fast", self.tokenizer.encode_batch)
        found = encode(list(texts), add_special_tokens=self.add_special_tokens)
        return [each.ids for each in found]

    def _by_transformers(self, texts: Texts) -> Sequence[Any]:
        found = self.tokenizer(
            list(texts),
            add_special_tokens=self.add_special_tokens,
            truncation=self.max_length is not None,
            max_length=self.max_length,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        return found["input_ids"]

    def _by_bytes(self, texts: Texts) -> Sequence[Any]:
        options = self.add_special_tokens, self.max_length
        return [self.tokenizer.encode(text, *options) for text in texts]

    def _by_encode(self, texts: Texts) -> Sequence[Any]:
        return [self.tokenizer.encode(text)[: self.max_length] for text in texts]

    def _by_function(self, texts: Texts) -> Sequence[Any]:
        return [self.tokenizer(text)[: self.max_length] for text in texts]

    def __call__(self, texts: str | Texts) -> Any:
        """Encode one text, or several at once."""
        if isinstance(texts, str):
            return self([texts])[0]
        _stay_single()
        return [_as_array(numbers, self.tokenizer) for numbers in self._encode(texts)]


def _padding_of(tokenizer: Any) -> tuple[int, str]:
    """What the tokenizer itself pads with, and at which side, where it says so."""
    told = getattr(tokenizer, "padding", None)
    if isinstance(told, dict):
        return int(told.get("pad_id", 0)), told.get("direction", "right")
    number = getattr(tokenizer, "pad_token_id", None)
    return int(number or 0), getattr(tokenizer, "padding_side", None) or "right"


def _as_array(numbers: Any, tokenizer: Any) -> np.ndarray:
    made = arrays.to_array(numbers)
    if not made.size:
        return np.empty(0, np.int64)
    if made.dtype.kind not in "iu" or made.ndim != 1:
        raise TypeError(
            f"{type(tokenizer).__name__} should give a list of numbers for a text, but gave "
            f"{made.dtype} {made.shape}: {str(numbers)[:60]}"
        )
    return made.astype(np.int64, copy=False)


def _stay_single() -> None:
    """In a worker process the tokenizer keeps to one thread: there are other workers."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and get_worker_info() is not None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


class TokenizeCollate:
    """A `collate_fn` that turns the texts of a batch into one padded tensor of token numbers.

    Samples that are texts make the tensor itself.  Of tuples `field` says which entry is the text,
    and the tensor takes its place.  Of dicts the text `field` gives way to `input_ids` and
    `attention_mask`, int64 with 1 for each token and 0 for padding.  The rest goes through
    `default_collate`.  `value` fills up at a `side`, by default as the tokenizer would itself, or
    else 0 at the right; lengths are rounded up to a `multiple`.  `max_length` and
    `add_special_tokens` are those of `Tokenize`.
    A sample without the field is a KeyError or IndexError.

    >>> import rushlight as rl
    >>> from rushlight.text import CharTokenizer
    >>> collate = TokenizeCollate(CharTokenizer("abc"), field="text", value=9)
    >>> batch = collate([{"text": "cab", "y": 0}, {"text": "b", "y": 1}])
    >>> batch["input_ids"], batch["y"]
    (tensor([[2, 0, 1],
            [1, 9, 9]]), tensor([0, 1]))
    """

    def __init__(
        self,
        tokenizer: Any,
        field: Any = None,
        max_length: int | None = None,
        value: int | None = None,
        side: str | None = None,
        multiple: int = 1,
        add_special_tokens: bool = True,
    ):
        self.tokenize = Tokenize(tokenizer, max_length, add_special_tokens)
        self.field = field
        value = self.tokenize.padding_number if value is None else value
        side = side or self.tokenize.padding_side
        self.pad = PadCollate(value=value, side=side, multiple=multiple)
        self.mask = PadCollate(value=0, side=side, multiple=multiple)

    def __call__(self, batch: Sequence[Any]) -> Any:
        """Make a batch of a list of samples."""
        first = batch[0]
        if isinstance(first, str):
            return self.pad(self.tokenize(batch))
        if isinstance(first, Mapping):
            return self._of_dicts(batch)
        return self._of_tuples(batch)

    def _of_dicts(self, batch: Sequence[Mapping]) -> dict:
        numbers = self.tokenize([sample[self.field] for sample in batch])
        made: dict[str, Any] = {}
        for name in batch[0]:
            if name == self.field:
                made["input_ids"] = self.pad(numbers)
                made["attention_mask"] = self.mask([np.ones_like(each) for each in numbers])
            else:
                made[name] = default_collate([sample[name] for sample in batch])
        return made

    def _of_tuples(self, batch: Sequence[Sequence]) -> list:
        numbers = self.tokenize([sample[self.field] for sample in batch])
        field = range(len(batch[0]))[self.field]
        columns = zip(*batch, strict=True)
        return [
            self.pad(numbers) if place == field else default_collate(list(column))
            for place, column in enumerate(columns)
        ]
