"""Transforms of token lists, by torchtext's names: each takes one list, or a list of lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.data.lengths import PadCollate

from .vocabulary import Vocab


def _is_batch(tokens: Any) -> bool:
    """Whether it is a list of token lists."""
    if arrays.is_array(tokens):
        return len(tokens.shape) > 1
    return bool(tokens) and (arrays.is_array(tokens[0]) or isinstance(tokens[0], list | tuple))


class Truncate:
    """The first `max_seq_len` tokens.

    >>> Truncate(2)([[1, 2, 3], [4]])
    [[1, 2], [4]]
    """

    def __init__(self, max_seq_len: int):
        self.max_seq_len = max_seq_len

    def __call__(self, input: Any) -> Any:
        """Cut one list, a list of lists, or the last axis of an array."""
        if arrays.is_array(input):
            return input[..., : self.max_seq_len]
        if _is_batch(input):
            return [tokens[: self.max_seq_len] for tokens in input]
        return input[: self.max_seq_len]


class AddToken:
    """One more token, in front or, with `begin=False`, behind.

    >>> AddToken(0)([5, 6]), AddToken("<end>", begin=False)([["a"], []])
    ([0, 5, 6], [['a', '<end>'], ['<end>']])
    """

    def __init__(self, token: int | str, begin: bool = True):
        self.token = token
        self.begin = begin

    def __call__(self, input: Any) -> Any:
        """Add the token to one list, or to each of several."""
        if _is_batch(input):
            return [self._added(tokens) for tokens in input]
        return self._added(input)

    def _added(self, tokens: Any) -> Any:
        if isinstance(tokens, np.ndarray):
            one = np.array([self.token], tokens.dtype)
            return np.concatenate([one, tokens] if self.begin else [tokens, one])
        return [self.token, *tokens] if self.begin else [*tokens, self.token]


class PadTransform:
    """A tensor or an array whose last axis is filled up to `max_length`; a longer one stays.

    >>> PadTransform(4, pad_value=9)(np.array([1, 2]))
    array([1, 2, 9, 9])
    """

    def __init__(self, max_length: int, pad_value: int):
        self.max_length = max_length
        self.pad_value = pad_value

    def __call__(self, x: Any) -> Any:
        """Fill one tensor or array up."""
        found = arrays.to_array(x)
        missing = self.max_length - found.shape[-1]
        if missing <= 0:
            return x
        widths = [(0, 0)] * (found.ndim - 1) + [(0, missing)]
        made = np.pad(found, widths, constant_values=self.pad_value)
        return arrays.from_array(made, owned=True) if arrays.is_tensor(x) else made


class ToTensor:
    """Token numbers as a tensor of `dtype` (int64); lists of lists as the rows of one tensor.

    Rows of different lengths are filled up with `padding_value`; without one they are a
    ValueError.

    >>> import rushlight as rl
    >>> ToTensor(padding_value=0)([[1, 2], [3]])
    tensor([[1, 2],
            [3, 0]])
    """

    def __init__(self, padding_value: int | None = None, dtype: Any = np.int64):
        self.padding_value = padding_value
        self.dtype = np.dtype(getattr(dtype, "name", dtype))

    def __call__(self, input: Any) -> Any:
        """Make the tensor."""
        rows = [input] if not _is_batch(input) else list(input)
        made = [np.asarray(arrays.to_array(row), self.dtype) for row in rows]
        if not _is_batch(input):
            return arrays.from_array(np.array(made[0]), owned=True)
        if self.padding_value is not None:
            return PadCollate(value=self.padding_value)(made)
        lengths = sorted({len(row) for row in made})
        if len(lengths) > 1:
            raise ValueError(
                f"rows of {lengths[0]} to {lengths[-1]} tokens make no tensor: give padding_value"
            )
        return arrays.from_array(np.stack(made), owned=True)


class VocabTransform:
    """Tokens as their numbers in a vocabulary.

    >>> VocabTransform(Vocab(["a", "b"]))([["b"], ["a", "b"]])
    [[1], [0, 1]]
    """

    def __init__(self, vocab: Vocab):
        self.vocab = vocab

    def __call__(self, input: Any) -> Any:
        """Give the numbers of one list, or of each of several."""
        if _is_batch(input):
            return [self.vocab.lookup_indices(tokens) for tokens in input]
        return self.vocab.lookup_indices(input)


class LabelToIndex:
    """Labels as their numbers: places in `label_names`, which may be sorted first.

    >>> LabelToIndex(["spam", "ham"], sort_names=True)(["spam", "ham"])
    [1, 0]
    """

    def __init__(self, label_names: Sequence[str], sort_names: bool = False):
        self.label_names = sorted(label_names) if sort_names else list(label_names)
        self._vocab = Vocab(self.label_names)

    def __call__(self, input: Any) -> Any:
        """Give the number of one label, or of each of several."""
        return self._vocab[input] if isinstance(input, str) else self._vocab(input)


class StrToIntTransform:
    """Numbers that are written out as numbers.

    >>> StrToIntTransform()(["3", "14"])
    [3, 14]
    """

    def __call__(self, input: Any) -> Any:
        """Read the numbers of one list, or of each of several."""
        if _is_batch(input):
            return [[int(word) for word in words] for words in input]
        return [int(word) for word in input]


class Sequential:
    """Transforms one after the other.

    >>> prepare = Sequential(str.split, VocabTransform(Vocab(["to", "be"])), Truncate(3))
    >>> prepare("be to be to be")
    [1, 0, 1]
    """

    def __init__(self, *transforms: Callable[[Any], Any]):
        self.transforms = transforms

    def __call__(self, input: Any) -> Any:
        """Apply them all, in order."""
        for transform in self.transforms:
            input = transform(input)
        return input
