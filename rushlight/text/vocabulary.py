"""Vocabularies: every token a number, by torchtext's names."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

VERSION = 1
_MOST_BYTES = 1 << 30
_KINDS = {"version": int, "tokens": list, "default_index": (int, type(None))}


class Vocab:
    """Tokens and their numbers: token i of `tokens` has number i.

    A token that is not among them has the number `default_index`; without one it is a
    RuntimeError that names it.  A token given twice is a RuntimeError too, one that is no text a
    TypeError.  Called with a list of tokens it gives their numbers.

    >>> words = Vocab(["<unk>", "the", "dog"], default_index=0)
    >>> words["dog"], words(["the", "cat"]), words.lookup_token(1)
    (2, [1, 0], 'the')
    """

    def __init__(self, tokens: Iterable[str] = (), default_index: int | None = None):
        self._tokens: list[str] = []
        self._numbers: dict[str, int] = {}
        self._default: int | None = None
        for token in tokens:
            self.append_token(token)
        self.set_default_index(default_index)

    def __len__(self) -> int:
        return len(self._tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._numbers

    def __getitem__(self, token: str) -> int:
        number = self._numbers.get(token, self._default)
        if number is None:
            raise RuntimeError(f"Token {token} not found and default index is not set")
        return number

    def __call__(self, tokens: Iterable[str]) -> list[int]:
        """Give the numbers of several tokens."""
        return self.lookup_indices(tokens)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocab):
            return NotImplemented
        return self._tokens == other._tokens and self._default == other._default

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(repr(token) for token in self._tokens[:6])
        more = ", ..." if len(self) > 6 else ""
        return f"Vocab([{shown}{more}], size={len(self)}, default_index={self._default})"

    def set_default_index(self, index: int | None) -> None:
        """Give tokens that are not there this number; None makes them an error."""
        if index is not None and (not isinstance(index, int) or isinstance(index, bool)):
            raise TypeError(f"default_index must be an int or None, but got {index!r}")
        self._default = index

    def get_default_index(self) -> int | None:
        """The number of tokens that are not there."""
        return self._default

    def append_token(self, token: str) -> None:
        """Give a new token the next number."""
        self.insert_token(token, len(self))

    def insert_token(self, token: str, index: int) -> None:
        """Give a new token this number; the ones from there on move up by one."""
        if not isinstance(token, str):
            raise TypeError(f"a token must be a str, but got {token!r}")
        if token in self._numbers:
            raise RuntimeError(
                f"Token {token} already exists in the Vocab with index: {self._numbers[token]}"
            )
        if not 0 <= index <= len(self):
            raise RuntimeError(f"Specified index {index} is out of bounds for size {len(self)}")
        self._tokens.insert(index, token)
        for number in range(index, len(self)):
            self._numbers[self._tokens[number]] = number

    def lookup_token(self, index: int) -> str:
        """The token of a number; RuntimeError where there is none."""
        if not 0 <= index < len(self):
            raise RuntimeError(f"Specified index {index} is out of bounds for size {len(self)}")
        return self._tokens[index]

    def lookup_tokens(self, indices: Iterable[int]) -> list[str]:
        """The tokens of several numbers; a tensor or an array of them will do."""
        return [self.lookup_token(int(index)) for index in indices]

    def lookup_indices(self, tokens: Iterable[str]) -> list[int]:
        """The numbers of several tokens."""
        return [self[token] for token in tokens]

    def encode(self, tokens: Iterable[str]) -> np.ndarray:
        """The numbers of several tokens, as an array of int64."""
        return np.array(self.lookup_indices(tokens), np.int64)

    def get_stoi(self) -> dict[str, int]:
        """Every token's number."""
        return dict(self._numbers)

    def get_itos(self) -> list[str]:
        """The tokens, in the order of their numbers."""
        return list(self._tokens)

    def save(self, path: str | os.PathLike) -> None:
        """Write the vocabulary as JSON; the old file or the new one is there at any moment."""
        from rushlight.io.write import replace_file

        values = {"version": VERSION, "tokens": self._tokens, "default_index": self._default}
        text = json.dumps(values, ensure_ascii=True, indent=0)  # ASCII: lone surrogates too
        replace_file(path, [text.encode("ascii")])

    @classmethod
    def load(cls, path: str | os.PathLike) -> Vocab:
        """Read what `save` wrote; anything else is a ValueError that names the file."""
        if os.path.getsize(path) > _MOST_BYTES:
            raise ValueError(f"{os.fspath(path)} is no vocabulary: larger than {_MOST_BYTES} bytes")
        with open(path, "rb") as file:
            text = file.read()
        try:
            return cls(**_checked(json.loads(text)))
        except (ValueError, TypeError, RuntimeError, RecursionError) as error:
            raise ValueError(f"{os.fspath(path)} is no vocabulary: {error}") from error


def _checked(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ValueError(f"expected an object, found {type(values).__name__}")
    for name, kind in _KINDS.items():
        if name not in values or not isinstance(values[name], kind):
            raise ValueError(f"{name!r} is missing or of a wrong kind")
    if values["version"] != VERSION:
        raise ValueError(f"version {values['version']}; this Rushlight reads {VERSION}")
    return {"tokens": values["tokens"], "default_index": values["default_index"]}


def vocab(
    ordered_dict: Mapping[str, int],
    min_freq: int = 1,
    specials: Sequence[str] | None = None,
    special_first: bool = True,
) -> Vocab:
    """The vocabulary of a dict from tokens to how often they come, in the dict's order.

    Tokens that come less than `min_freq` times are left out.  `specials` have the first numbers,
    or the last ones if not `special_first`.

    >>> vocab({"b": 3, "a": 1}, specials=["<unk>"]).get_itos()
    ['<unk>', 'b', 'a']
    """
    chosen = list(specials or [])
    common = [
        token for token, count in ordered_dict.items() if count >= min_freq and token not in chosen
    ]
    return Vocab(chosen + common if special_first else common + chosen)


def build_vocab_from_iterator(
    iterator: Iterable[Iterable[str]],
    min_freq: int = 1,
    specials: Sequence[str] | None = None,
    special_first: bool = True,
    max_tokens: int | None = None,
) -> Vocab:
    """The vocabulary of texts, each a list of tokens: the commonest tokens come first.

    Tokens that come equally often are in alphabetical order.  `max_tokens` bounds the size, with
    `specials`, of which there must be fewer (AssertionError).  A text that is a str instead of a
    list is a TypeError.

    >>> texts = [["to", "be", "or", "not", "to", "be"], ["be"]]
    >>> words = build_vocab_from_iterator(texts, specials=["<unk>"], max_tokens=3)
    >>> words.get_itos()
    ['<unk>', 'be', 'to']
    """
    counts: Counter[str] = Counter()
    for tokens in iterator:
        if isinstance(tokens, str):
            raise TypeError(
                f"each text should be a list of tokens, but got {tokens[:40]!r}; "
                "cut it into tokens first, or take a CharTokenizer for letters"
            )
        counts.update(tokens)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    if max_tokens is not None:
        chosen = set(specials or ())
        if len(chosen) >= max_tokens:
            raise AssertionError(
                "len(specials) >= max_tokens, so the vocab will be entirely special tokens."
            )
        ordered = [pair for pair in ordered if pair[0] not in chosen][: max_tokens - len(chosen)]
    return vocab(dict(ordered), min_freq, specials, special_first)
