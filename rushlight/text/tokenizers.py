"""Texts as numbers without a learned vocabulary: bytes, letters, and words by simple rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from rushlight.data import arrays

BYTES = 256
_MARKS = str.maketrans(
    {
        **{mark: f" {mark} " for mark in "'.,()!?"},
        **dict.fromkeys(";:", " "),
        '"': None,
    }
)


class ByteTokenizer:
    """Any text as its UTF-8 bytes: the number of a byte is its value, `specials` follow from 256.

    `begin` and `end` are specials that `encode` puts around each text.  A special's name within a
    text is text.  Bytes that are no UTF-8 decode by Python's rules for `errors`; what decoded by
    "surrogateescape" encodes to the same bytes again.

    >>> letters = ByteTokenizer(specials=["<end>"], end="<end>")
    >>> letters.encode("Añ")
    array([ 65, 195, 177, 256])
    >>> letters.decode([65, 195, 177, 256]), len(letters)
    ('Añ', 257)
    """

    def __init__(
        self, specials: Sequence[str] = (), begin: str | None = None, end: str | None = None
    ):
        self.specials = {name: BYTES + place for place, name in enumerate(specials)}
        if len(self.specials) < len(specials):
            raise ValueError(f"a special comes twice: {list(specials)}")
        self.begin = [] if begin is None else [self.special(begin)]
        self.end = [] if end is None else [self.special(end)]

    def __len__(self) -> int:
        return BYTES + len(self.specials)

    def special(self, name: str) -> int:
        """The number of a special; KeyError if there is none of that name."""
        if name not in self.specials:
            raise KeyError(f"no special {name!r} among {list(self.specials)}")
        return self.specials[name]

    def encode(
        self, text: str | bytes, add_special_tokens: bool = True, max_length: int | None = None
    ) -> np.ndarray:
        """The numbers of a text, or of bytes, as an array of int64.

        `max_length` cuts the text so that `begin` and `end` still fit.
        """
        begin, end = (self.begin, self.end) if add_special_tokens else ([], [])
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        if max_length is not None:
            data = data[: max(0, max_length - len(begin) - len(end))]
        made = np.empty(len(begin) + len(data) + len(end), np.int64)
        made[: len(begin)] = begin
        made[len(begin) : len(begin) + len(data)] = np.frombuffer(data, np.uint8)
        made[len(made) - len(end) :] = end
        return made

    def decode_bytes(self, numbers: Any) -> bytes:
        """The bytes of numbers; specials are left out.  A number that is none is a ValueError."""
        found = _numbers(numbers, len(self))
        return found[found < BYTES].astype(np.uint8).tobytes()

    def decode(self, numbers: Any, errors: str = "replace") -> str:
        """The text of numbers; `errors` says what becomes of bytes that are no UTF-8."""
        return self.decode_bytes(numbers).decode("utf-8", errors)


class CharTokenizer:
    """Texts as letters: the numbers are places in `alphabet`, which names every letter once.

    A letter that is not there is a ValueError that names it, or becomes the letter `unknown`,
    which has to be in the alphabet.  `CharTokenizer.of(text)` finds the alphabet of a text.

    >>> letters = CharTokenizer.of("a banana")
    >>> letters.alphabet, letters.encode("nab")
    (' abn', array([3, 1, 2]))
    >>> letters.decode([2, 1, 3])
    'ban'
    """

    def __init__(self, alphabet: Iterable[str], unknown: str | None = None):
        self.alphabet = "".join(alphabet)
        if len(set(self.alphabet)) < len(self.alphabet):
            raise ValueError(f"a letter comes twice in the alphabet {self.alphabet[:80]!r}")
        self._codes = _codes(self.alphabet)
        # The number of each letter by its code; the last entry is that of all codes beyond.
        self._numbers = np.full(max(map(ord, self.alphabet), default=0) + 2, -1, np.int32)
        self._numbers[self._codes] = np.arange(len(self.alphabet))
        if unknown is not None and unknown not in self.alphabet:
            raise ValueError(f"unknown={unknown!r} is not in the alphabet")
        self.unknown = None if unknown is None else self.alphabet.index(unknown)

    @classmethod
    def of(cls, *texts: str, unknown: str | None = None) -> CharTokenizer:
        """The tokenizer of all letters that come in these texts, in the order of Unicode."""
        letters = set().union(*texts, unknown or "")
        return cls("".join(sorted(letters)), unknown)

    def __len__(self) -> int:
        return len(self.alphabet)

    def encode(self, text: str) -> np.ndarray:
        """The numbers of a text's letters, as an array of int64."""
        places = np.minimum(_codes(text), len(self._numbers) - 1)
        found = self._numbers[places].astype(np.int64)
        if found.size and found.min() < 0:
            if self.unknown is None:
                place = int(np.argmin(found))
                raise ValueError(f"{text[place]!r} at place {place} is not in the alphabet")
            found[found < 0] = self.unknown
        return found

    def decode(self, numbers: Any) -> str:
        """The text of numbers; one without a letter is a ValueError."""
        codes = self._codes[_numbers(numbers, len(self))]
        return codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _numbers(numbers: Any, count: int) -> np.ndarray:
    found = np.atleast_1d(arrays.to_array(numbers))
    if not found.size:
        return np.empty(0, np.intp)
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise ValueError(f"expected a list of token numbers, but got {found.dtype} {found.shape}")
    wrong = (found < 0) | (found >= count)
    if wrong.any():
        place = int(np.argmax(wrong))
        raise ValueError(f"token {found[place]} at place {place} is none of {count}")
    return found.astype(np.intp)


class RegexTokenizer:
    """Words by rules: each (pattern, replacement) in turn, on lower case, then a cut at blanks.

    >>> RegexTokenizer([("[0-9]+", "#"), (",", " ,")])("One, 22")
    ['one', ',', '#']
    """

    def __init__(self, patterns_list: Sequence[tuple[str, str]], lower: bool = True):
        self.patterns_list = list(patterns_list)
        self.lower = lower
        self._rules = [(re.compile(pattern), to) for pattern, to in self.patterns_list]

    def __call__(self, line: str) -> list[str]:
        """The words of a line."""
        line = line.lower() if self.lower else line
        for pattern, replacement in self._rules:
            line = pattern.sub(replacement, line)
        return line.split()


def basic_english(line: str) -> list[str]:
    """The words of a line in lower case, marks apart, as torchtext's rule of that name.

    `'`, `.`, `,`, `(`, `)`, `!` and `?` become words; `"`, `;`, `:` and `<br />` go.

    >>> basic_english("Don't stop: now!")
    ['don', "'", 't', 'stop', 'now', '!']
    """
    line = line.lower().replace('"', "").replace("<br />", " ")
    return line.translate(_MARKS).split()


def get_tokenizer(tokenizer: str | Callable | None) -> Callable[[str], list[str]]:
    """The function that cuts a line into words: None cuts at blanks, "basic_english" by its rule.

    A function is given back; any other name is a ValueError.

    >>> get_tokenizer(None)("to be")
    ['to', 'be']
    """
    if tokenizer is None:
        return str.split
    if tokenizer == "basic_english":
        return basic_english
    if callable(tokenizer):
        return tokenizer
    raise ValueError(
        f'tokenizer should be None, "basic_english" or a function, but got {tokenizer!r}; '
        "tokenizers of other packages can be called themselves"
    )


def ngrams_iterator(token_list: Sequence[str], ngrams: int) -> Iterator[str]:
    """The words, then all runs of 2 words, and so on to `ngrams`.

    >>> list(ngrams_iterator(["to", "be", "or"], 2))
    ['to', 'be', 'or', 'to be', 'be or']
    """
    yield from token_list
    for length in range(2, ngrams + 1):
        for start in range(len(token_list) - length + 1):
            yield " ".join(token_list[start : start + length])
