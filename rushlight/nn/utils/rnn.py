"""Sequences of different lengths: padded to one length, or packed without padding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from rushlight.ops import FUNCTIONS
from rushlight.ops.at_once import padded as padded_at_once
from rushlight.ops.at_once import values_at_once
from rushlight.ops.padding import pad
from rushlight.tensor import Tensor, from_array


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences as one tensor: all first steps, then all second steps, and so on.

    `batch_sizes` says how many sequences have each step; the longest come first.
    `sorted_indices` is where each came from, `unsorted_indices` where each went; None if they were
    sorted.  Made by `pack_padded_sequence` and `pack_sequence`.
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same sequences with `data.to(...)`; itself if that changes nothing."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else self._replace(data=data)

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Itself: it lives on the CPU."""
        return self.to(*args, **kwargs) if args or kwargs else self

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """RuntimeError: this version has no accelerator engine."""
        return self._replace(data=self.data.cuda(*args, **kwargs))

    def pin_memory(self) -> PackedSequence:
        """Itself: there is no device to copy to."""
        return self

    def is_pinned(self) -> bool:
        """False: there is no device to copy to."""
        return False

    @property
    def is_cuda(self) -> bool:
        """False: it lives on the CPU."""
        return False


def _cast(name: str) -> Any:
    def cast(self: PackedSequence) -> PackedSequence:
        return self.to(getattr(self.data, name)().dtype)

    cast.__name__ = cast.__qualname__ = name
    cast.__doc__ = f"The same sequences with `data.{name}()`."
    return cast


for _name in ("double", "float", "half", "long", "int", "short", "char", "byte"):
    setattr(PackedSequence, _name, _cast(_name))


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Where each place went, from where each came; None stays None."""
    if permutation is None:
        return None
    return from_array(np.argsort(permutation._values()).astype(np.int64))


def _lengths(lengths: Any) -> np.ndarray:
    """Lengths as an array of int64; a sync point where they are a tensor."""
    if isinstance(lengths, Tensor):
        lengths = lengths._values()
    return np.asarray(lengths).astype(np.int64)


def _check(input: Tensor, lengths: np.ndarray, batch: int, length: int, ordered: bool) -> None:
    if lengths.shape != (batch,):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {lengths.size} "
            f"(batch_size={batch})"
        )
    if not batch:
        raise RuntimeError("Cannot pack empty tensors.")
    if lengths.min() <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if ordered and (np.diff(lengths) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
            "You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if lengths.max() > length:
        raise RuntimeError(
            f"Expected lengths of at most {length}, the length of the padded sequences\n"
            f"Actual: {lengths.max()}, for an input of shape {list(input.shape)}."
        )


def _places(batch_sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Step and sequence of each row of packed data."""
    steps = np.repeat(np.arange(len(batch_sizes)), batch_sizes)
    starts = np.repeat(np.cumsum(batch_sizes) - batch_sizes, batch_sizes)
    return steps, np.arange(len(steps)) - starts


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Padded sequences, (length, batch, *), packed without what is behind each one's length.

    The longest come first; with `enforce_sorted=False` they are put in that order, else
    RuntimeError if they are not.

    >>> import rushlight as rl
    >>> x = rl.tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6]])
    >>> rnn = rl.nn.utils.rnn
    >>> packed = rnn.pack_padded_sequence(x, [2, 1, 3], batch_first=True, enforce_sorted=False)
    >>> packed.data, packed.batch_sizes
    (tensor([4, 1, 3, 5, 2, 6]), tensor([3, 2, 1]))
    """
    batch, length = input.shape[:2] if batch_first else (input.shape[1], input.shape[0])
    counts = _lengths(lengths)
    _check(input, counts, batch, length, enforce_sorted)
    order = None
    if not enforce_sorted:
        order = np.argsort(-counts, kind="stable")
        counts = counts[order]
    batch_sizes = (counts > np.arange(counts[0])[:, None]).sum(1)
    steps, samples = _places(batch_sizes)
    sources = samples if order is None else order[samples]
    key = (sources, steps) if batch_first else (steps, sources)
    data = input[tuple([from_array(places) for places in key])]
    indices = None if order is None else from_array(order.astype(np.int64))
    return PackedSequence(data, from_array(batch_sizes.astype(np.int64)), indices)


def unpacked(sequence: PackedSequence) -> tuple[Tensor, Tensor]:
    """Packed sequences as (length, batch, *), longest first, and which of them have which step."""
    batch_sizes = sequence.batch_sizes._values()
    steps, samples = _places(batch_sizes)
    shape = len(batch_sizes), int(batch_sizes[0])
    padded = sequence.data.new_zeros((*shape, *sequence.data.shape[1:]))
    going = from_array(np.arange(shape[1]) < batch_sizes[:, None]).unsqueeze(-1)
    key = from_array(steps), from_array(samples)
    return padded.index_put(key, sequence.data), going


def repacked(output: Tensor, sequence: PackedSequence) -> PackedSequence:
    """(length, batch, *), longest first, packed as another sequence is."""
    steps, samples = _places(sequence.batch_sizes._values())
    return sequence._replace(data=output[from_array(steps), from_array(samples)])


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Packed sequences as padded ones, (length, batch, *), and their lengths.

    They come in the order in which they were packed; `total_length` pads to that length, and is a
    ValueError if it is shorter than the longest.

    >>> import rushlight as rl
    >>> rnn = rl.nn.utils.rnn
    >>> packed = rnn.pack_sequence([rl.tensor([1, 2, 3]), rl.tensor([4])])
    >>> rnn.pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2, 3],
            [4, 0, 0]]), tensor([3, 1]))
    """
    batch_sizes = sequence.batch_sizes._values()
    longest, batch = len(batch_sizes), int(batch_sizes[0])
    length = longest if total_length is None else total_length
    if length < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total_length} and max sequence length being {longest}"
        )
    steps, samples = _places(batch_sizes)
    counts = (batch_sizes > np.arange(batch)[:, None]).sum(1)
    if sequence.sorted_indices is not None:
        order = sequence.sorted_indices._values()
        samples, counts = order[samples], counts[sequence.unsorted_indices._values()]
    shape = (batch, length) if batch_first else (length, batch)
    padded = sequence.data.new_full((*shape, *sequence.data.shape[1:]), padding_value)
    key = (samples, steps) if batch_first else (steps, samples)
    filled = padded.index_put([from_array(places) for places in key], sequence.data)
    return filled, from_array(counts.astype(np.int64))


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences of different lengths, (length, *), stacked as (length, batch, *) with padding.

    `padding_side` is "right" or "left".  RuntimeError for what is no list of tensors.

    >>> import rushlight as rl
    >>> rl.nn.utils.rnn.pad_sequence([rl.tensor([1, 2]), rl.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            "Expected padding_side to be one of left or right, but got padding_side="
            f"{padding_side!r}\nIn pad_sequence."
        )
    parts = list(sequences)
    if not parts:
        raise RuntimeError("received an empty list of sequences\nIn pad_sequence.")
    values = values_at_once(parts)
    kinds = {(value.ndim, value.shape[1:]) for value in values or ()}
    if values is not None and len(kinds) == 1 and values[0].ndim:
        dtype = parts[0].dtype
        return padded_at_once(values, dtype, batch_first, padding_value, padding_side)
    length = max(part.shape[0] for part in parts)
    padded = []
    for part in parts:
        missing = length - part.shape[0]
        ends = (missing, 0) if padding_side == "left" else (0, missing)
        around = (0, 0) * (part.dim() - 1) + ends
        padded.append(pad(part, around, value=padding_value))
    return FUNCTIONS["stack"](padded, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """Padded sequences as a list, each of its own length.

    >>> import rushlight as rl
    >>> rl.nn.utils.rnn.unpad_sequence(rl.tensor([[1, 3], [2, 0]]), [2, 1])
    [tensor([1, 2]), tensor([3])]
    """
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    counts = _lengths(lengths).tolist()
    return [row[:count] for row, count in zip(rows.unbind(0), counts, strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """A list of sequences, (length, *), packed; sorted as `pack_padded_sequence` wants them.

    >>> import rushlight as rl
    >>> packed = rl.nn.utils.rnn.pack_sequence([rl.tensor([1, 2, 3]), rl.tensor([4])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 3]), tensor([2, 1, 1]))
    """
    lengths = [sequence.shape[0] for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Packed sequences as a list, in the order in which they were packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
