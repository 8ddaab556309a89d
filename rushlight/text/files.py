"""Text files as files of token numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from .tokenize import Tokenize
from .tokenizers import ByteTokenizer, CharTokenizer

LONGEST = 1 << 16
"""Longer lines are encoded in parts of so many characters."""
TOGETHER = 1 << 20
"""About so many characters are in memory at a time."""


def encode_file(
    source: str | os.PathLike,
    target: str | os.PathLike,
    tokenizer: Any,
    *,
    end: int | None = None,
    dtype: Any = np.uint16,
    encoding: str = "utf-8",
    errors: str = "strict",
) -> int:
    r"""Write the token numbers of a text file as a file for `data.TokenDataset`; returns how many.

    The file is read and encoded line by line, so it may be larger than memory; `tokenizer` is any
    that `Tokenize` takes, and adds no special tokens.  Without `end` it is one text, its line
    breaks as they are; with `end` each line is a text of its own, which that number ends in place
    of the line break.  A tokenizer with more tokens than `dtype` holds is a ValueError; so are
    bytes that are no text in this `encoding`, unless `errors` says what becomes of them.  The
    target is there as a whole or, after an error, as it was.

    >>> import os, tempfile
    >>> from rushlight.data import TokenDataset
    >>> from rushlight.text import CharTokenizer
    >>> folder = tempfile.mkdtemp()
    >>> text, tokens = os.path.join(folder, "text.txt"), os.path.join(folder, "tokens.bin")
    >>> with open(text, "w") as file:
    ...     count = file.write("abca\nbc\n")
    >>> encode_file(text, tokens, CharTokenizer("abc"), end=3)
    8
    >>> TokenDataset(tokens, length=7)[0][0]
    array([0, 1, 2, 0, 3, 1, 2])
    """
    from rushlight.data.files.tokens import write_tokens

    _check_size(tokenizer, np.dtype(dtype))
    tokenize = Tokenize(tokenizer, add_special_tokens=False)
    newline = "" if end is None else None
    with open(source, encoding=encoding, errors=errors, newline=newline) as file:
        return write_tokens(target, _encoded(file, tokenize, end), dtype)


def _check_size(tokenizer: Any, dtype: np.dtype) -> None:
    count = getattr(tokenizer, "get_vocab_size", None)
    try:
        size = len(tokenizer) if count is None else count()
    except TypeError:
        return  # a function does not say
    if size - 1 > np.iinfo(dtype).max:
        raise ValueError(
            f"the tokenizer has {size} tokens, and {dtype} holds numbers to {np.iinfo(dtype).max}: "
            "give dtype=np.uint32 here and to TokenDataset"
        )


def _encoded(file: Any, tokenize: Tokenize, end: int | None) -> Iterator[np.ndarray]:
    """The numbers of the file, of some lines at a time."""
    if end is None and isinstance(tokenize.tokenizer, ByteTokenizer | CharTokenizer):
        while piece := file.read(TOGETHER):  # their texts may be cut anywhere
            yield tokenize(piece)
        return
    pieces: list[str] = []
    waiting = 0
    while piece := file.readline(LONGEST):
        pieces.append(piece)
        waiting += len(piece)
        if waiting >= TOGETHER:
            yield _joined(pieces, tokenize, end)
            pieces, waiting = [], 0
    if pieces:
        yield _joined(pieces, tokenize, end)


def _joined(pieces: list[str], tokenize: Tokenize, end: int | None) -> np.ndarray:
    if end is None:
        return np.concatenate(tokenize(pieces))
    texts = [piece.removesuffix("\n") for piece in pieces]
    parts: list[Any] = []
    for piece, numbers in zip(pieces, tokenize(texts), strict=True):
        parts.append(numbers)
        if piece.endswith("\n"):
            parts.append([end])
    return np.concatenate(parts).astype(np.int64)
