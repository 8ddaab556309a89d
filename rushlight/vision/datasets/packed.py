"""Long lists of paths as a few arrays, which worker processes share instead of copying."""

from __future__ import annotations

from typing import Any

import numpy as np

_END = "\0"  # no path has it


class PackedSamples:
    """A list of (path, number), of which one is made when it is asked for.

    >>> packed = PackedSamples.of([("a/1.png", 0), ("b/2.png", 1)])
    >>> packed[-1], len(packed), packed.unpacked()
    (('b/2.png', 1), 2, [('a/1.png', 0), ('b/2.png', 1)])
    """

    def __init__(self, letters: np.ndarray, ends: np.ndarray, numbers: np.ndarray):
        self.letters = letters
        self.ends = ends
        self.numbers = numbers

    @classmethod
    def of(cls, samples: list[tuple[str, int]]) -> PackedSamples | None:
        """The samples; None if they are anything but paths and whole numbers."""
        if not all(type(sample) is tuple and len(sample) == 2 for sample in samples):
            return None
        if not all(type(path) is str and type(number) is int for path, number in samples):
            return None
        text = "".join([path + _END for path, _ in samples])
        letters = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
        ends = np.flatnonzero(letters == 0)
        try:
            numbers = np.array([number for _, number in samples], np.int64)
        except OverflowError:
            return None
        return cls(letters, ends, numbers) if len(ends) == len(samples) else None

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> tuple[str, int]:
        place = range(len(self))[index]
        start = self.ends[place - 1] + 1 if place else 0
        path = self.letters[start : self.ends[place]].tobytes()
        return path.decode("utf-8", "surrogatepass"), int(self.numbers[place])

    def unpacked(self) -> list[tuple[str, int]]:
        """The list again."""
        paths = self.letters.tobytes().decode("utf-8", "surrogatepass").split(_END)[:-1]
        return list(zip(paths, self.numbers.tolist(), strict=True))


def pack_attributes(state: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a dataset, with its lists of samples and what follows from them packed."""
    samples = state.get("samples")
    packed = PackedSamples.of(samples) if type(samples) is list else None
    if packed is None:
        return state
    kept = {name: value for name, value in state.items() if name != "samples"}
    if kept.get("imgs") is samples:
        del kept["imgs"]
    if kept.get("targets") == packed.numbers.tolist():
        del kept["targets"]
    return {**kept, "_packed": packed}


def unpack_attributes(packed: PackedSamples) -> dict[str, Any]:
    """What was packed; the same list of samples by both its names."""
    samples = packed.unpacked()
    return {"samples": samples, "imgs": samples, "targets": packed.numbers.tolist()}
