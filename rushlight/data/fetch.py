"""Reading the samples of one batch and collating them, with errors that say where."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from .dataset import Subset, read_many


class MapFetcher:
    """Reads samples by their indices; `batched` says whether an index is a list of them."""

    def __init__(self, dataset: Any, batched: bool, collate_fn: Callable[[Any], Any]):
        self.dataset = dataset
        self.batched = batched
        self.collate_fn = collate_fn

    def __call__(self, index: Any) -> Any:
        """Give the collated batch of a list of indices, or the converted sample of one."""
        if not self.batched:
            samples = self._read([index])[0]
        elif callable(getattr(self.dataset, "__getitems__", None)):
            with Located(lambda: self._note("reading", index)):
                samples = read_many(self.dataset, index)
        else:
            samples = self._read(index)
        with Located(lambda: self._note("collating", index)):
            return self.collate_fn(samples)

    def _read(self, indices: Iterable[Any]) -> list:
        indices = list(indices)
        samples: list = []
        with Located(lambda: self._note("reading", indices[len(samples)])):
            for index in indices:
                samples.append(self.dataset[index])
        return samples

    def _note(self, action: str, index: Any) -> str:
        return f"while {action} {_name_indices(index)} of {describe(self.dataset)}"


class StreamFetcher:
    """Reads the next samples of an iterable dataset, as many as the index has entries."""

    def __init__(
        self, dataset: Any, batched: bool, collate_fn: Callable[[Any], Any], drop_last: bool
    ):
        self.dataset = dataset
        self.batched = batched
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.stream = iter(dataset)
        self.count = 0
        self.ended = False

    def __call__(self, index: Any) -> Any:
        """Give the next batch, or the next sample; StopIteration at the end of the stream."""
        wanted = len(index) if self.batched else 1
        samples = [] if self.ended else self._read(wanted)
        # An iterator that has ended once is not asked again: some would start anew.
        self.ended = len(samples) < wanted
        if not samples or (self.drop_last and self.ended):
            raise StopIteration
        places = list(range(self.count - len(samples), self.count))
        with Located(lambda: self._note("collating", places)):
            return self.collate_fn(samples if self.batched else samples[0])

    def _read(self, wanted: int) -> list:
        samples: list = []
        with Located(lambda: self._note("reading", self.count)):
            for sample in islice(self.stream, wanted):
                samples.append(sample)
                self.count += 1
        return samples

    def _note(self, action: str, index: Any) -> str:
        return f"while {action} {_name_indices(index)} of {describe(self.dataset)}"


class Located:
    """Adds a note to an exception that passes, and stops a StopIteration.

    Let through, that would end the epoch early and in silence.
    """

    def __init__(self, note: Callable[[], str]):
        self.note = note

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, StopIteration):
            raise RuntimeError(f"StopIteration raised {self.note()}") from error
        if isinstance(error, Exception):
            error.add_note(self.note())


def describe(dataset: Any) -> str:
    """Name a dataset by its type, and a subset by what it is cut from."""
    name = type(dataset).__name__
    return f"{name} of {describe(dataset.dataset)}" if isinstance(dataset, Subset) else name


def _name_indices(indices: Any) -> str:
    if not isinstance(indices, list | tuple):
        return f"sample {indices!r}"
    shown = ", ".join(repr(index) for index in indices[:16])
    return f"samples [{shown}{', ...' if len(indices) > 16 else ''}]"
