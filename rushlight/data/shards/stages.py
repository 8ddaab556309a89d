"""What happens to the samples of a lane, one step after the other.

A step is an iterator over (number, sample) pairs; the number says which sample of the lane it is,
so that what a function draws belongs to the sample.  Each step can tell where it stands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rushlight.data.located import Located
from rushlight.data.metering import stage
from rushlight.data.order import random_stream
from rushlight.data.randomness import current_source

from .decoding import Decode, Decoder

Item = tuple[int, Any]
Handler = Callable[[Exception], bool]


@dataclass(frozen=True)
class Place:
    """Which lane of which rank in which epoch a step works for, and which step it is."""

    seed: int
    epoch: int
    rank: int
    lane: int
    step: int = 0

    def random(self, block: int) -> Any:
        """The random numbers of one block of a step."""
        words = f"{self.seed} {self.rank} {self.lane} {self.step}".encode()
        key = int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "little")
        return random_stream(key, self.epoch, block)


class Step(Iterator[Item]):
    """Base of the steps that keep nothing themselves."""

    source: Any

    def state_dict(self) -> dict[str, Any]:
        """Where the step stands, as values that JSON can hold."""
        return self.source.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the state was taken."""
        self.source.load_state_dict(state)


class Mapping(Step):
    """Applies a function to each sample."""

    def __init__(self, source: Step, place: Place, function: Callable, handler: Handler | None):
        self.source, self.place = source, place
        self.function, self.handler = function, handler

    def __next__(self) -> Item:
        while True:
            number, sample = next(self.source)
            try:
                return number, self._apply(number, sample)
            except Exception as error:
                if self.handler is None or not self.handler(error):
                    raise

    def _apply(self, number: int, sample: Any) -> Any:
        random = current_source()
        with Located(lambda: f"in {where(sample, number)}"), stage(kind_of(self.function)):
            if random is None:
                return self.function(sample)
            random.start(("sample", self.place.lane, number, self.place.step))
            return random.watched(lambda: self.function(sample))


class Selecting(Mapping):
    """Leaves out the samples for which a function says no."""

    def __next__(self) -> Item:
        while True:
            number, (sample, wanted) = super().__next__()
            if wanted:
                return number, sample

    def _apply(self, number: int, sample: Any) -> Any:
        return sample, super()._apply(number, sample)


class Shuffling(Step):
    """Gives the samples in blocks, each in a random order; the next is read meanwhile.

    So about `size` samples are held.  The first block has `initial` samples, and each after it
    twice as many up to `size`, so that the first sample comes soon.  The state is where the block
    begins and how many of it were given: loading it reads the block again.
    """

    def __init__(self, source: Step, place: Place, size: int, initial: int):
        self.source, self.place, self.size, self.initial = source, place, size, initial
        self._rewind(0, 0)

    def _rewind(self, block: int, skipped: int) -> None:
        self.block, self._skipped = block - 1, skipped
        self.given, self.count = 0, 0
        self._now: list = []
        self._coming: list = []
        self._now_from = self._coming_from = self.source.state_dict()

    def _size(self, block: int) -> int:
        return min(self.size, self.initial << min(block, 62))

    def __next__(self) -> Item:
        if self.given == self.count:
            self._turn_over()
        size = self._size(self.block + 1)
        self._read(-(-size * (self.given + 1) // self.count))
        item, self._now[self.given] = self._now[self.given], None
        self.given += 1
        return item

    def _turn_over(self) -> None:
        """What has been read becomes the block to give."""
        self._read(self._size(self.block + 1))
        if not self._coming:
            raise StopIteration
        self.block += 1
        self.count, self.given = len(self._coming), self._skipped
        order = self.place.random(self.block).permutation(self.count).tolist()
        self._now = [self._coming[i] for i in order]
        self._now[: self._skipped] = [None] * self._skipped
        self._coming, self._skipped = [], 0
        self._now_from, self._coming_from = self._coming_from, self.source.state_dict()

    def _read(self, count: int) -> None:
        for _ in range(count - len(self._coming)):
            try:
                self._coming.append(next(self.source))
            except StopIteration:
                return

    def state_dict(self) -> dict[str, Any]:
        """The block that is being given, by where it begins, and how far it is given."""
        if self.given < self.count:
            return {"source": self._now_from, "block": self.block, "given": self.given}
        return {"source": self._coming_from, "block": self.block + 1, "given": self._skipped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the state was taken; the block is read when it is needed."""
        self.source.load_state_dict(state["source"])
        self._rewind(state["block"], state["given"])


class Quota(Step):
    """Ends after so many samples."""

    def __init__(self, source: Step, count: int):
        self.source, self.left = source, count

    def __next__(self) -> Item:
        if self.left <= 0:
            raise StopIteration
        item = next(self.source)
        self.left -= 1
        return item

    def state_dict(self) -> dict[str, Any]:
        """Where the source stands, and how many samples are left to give."""
        return {"source": self.source.state_dict(), "left": self.left}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the state was taken."""
        self.source.load_state_dict(state["source"])
        self.left = state["left"]


# -------------------------------------------------------------- what a data set remembers of them
@dataclass(frozen=True)
class Map:
    """`.map(function)`."""

    function: Callable[[Any], Any]

    def open(self, source: Step, place: Place, handler: Handler | None) -> Step:
        """The step itself."""
        return Mapping(source, place, self.function, handler)


@dataclass(frozen=True)
class Select:
    """`.select(predicate)`."""

    predicate: Callable[[Any], bool]

    def open(self, source: Step, place: Place, handler: Handler | None) -> Step:
        """The step itself."""
        return Selecting(source, place, self.predicate, handler)


@dataclass(frozen=True)
class Shuffle:
    """`.shuffle(size)`."""

    size: int
    initial: int

    def open(self, source: Step, place: Place, handler: Handler | None) -> Step:
        """The step itself."""
        return Shuffling(source, place, self.size, self.initial)


class Fields:
    """Takes fields of a sample: a tuple of them, each the first that is there of `a;b`."""

    def __init__(self, names: Iterable[str]):
        listed = [each for name in names for each in name.split()]
        self.choices = [name.split(";") for name in listed]
        if not listed:
            raise ValueError('to_tuple needs the names of fields, for example "jpg", "cls"')

    def __call__(self, sample: dict[str, Any]) -> tuple:
        """The fields; a KeyError for one that is not there."""
        return tuple(first_of(sample, names) for names in self.choices)


class Renamed:
    """Gives fields new names, `new="old"` or `new="this;that"`; the others stay."""

    def __init__(self, names: dict[str, str]):
        self.names = {new: old.split(";") for new, old in names.items()}

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        """The sample with its new names."""
        old = {name for names in self.names.values() for name in names}
        kept = {name: value for name, value in sample.items() if name not in old}
        return kept | {new: first_of(sample, names) for new, names in self.names.items()}


class MapFields:
    """Applies a function to each field that has one."""

    def __init__(self, functions: dict[str, Callable[[Any], Any]]):
        self.functions = functions

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        """The sample with its fields changed; a KeyError for one that is not there."""
        return sample | {
            name: function(first_of(sample, [name])) for name, function in self.functions.items()
        }


def first_of(sample: dict[str, Any], names: list[str]) -> Any:
    """The first of the fields that is there."""
    for name in names:
        if name in sample:
            return sample[name]
    fields = [name for name in sample if not name.startswith("__")]
    raise KeyError(f"the sample has no field {' or '.join(names)!r}, but {', '.join(fields)!r}")


def kind_of(function: Callable) -> str:
    """Under which name `loader.stats()` counts a function."""
    return "decode" if isinstance(function, Decoder) else "transform"


def where(sample: Any, number: int) -> str:
    """Which sample it is, in words."""
    if isinstance(sample, dict) and "__key__" in sample:
        return f"sample {sample['__key__']!r} of {sample['__url__']}"
    return f"sample {number} of its lane"


class SampleSteps:
    """The methods that both kinds of data sets of shards have; each gives a new data set."""

    def map(self, function: Callable[[Any], Any]) -> Any:
        """Apply a function to each sample."""
        raise NotImplementedError

    def decode(self, images: str | None = None, **handlers: Decode) -> Any:
        """Decode fields by their last extension; a `name=function` decodes fields `.name`.

        json, txt, cls, npy and npz become what they hold; with `images` (`"rgb8"`, `"pil"`, ...)
        pictures do; all else stays bytes, and a pickle is a ValueError.
        """
        return self.map(Decoder(images, handlers))

    def to_tuple(self, *names: str) -> Any:
        """Make each sample a tuple of fields, `"jpg;png"` being the first that is there."""
        return self.map(Fields(names))

    def rename(self, **names: str) -> Any:
        """Give fields new names: `image="jpg;png"`."""
        return self.map(Renamed(names))

    def map_dict(self, **functions: Callable[[Any], Any]) -> Any:
        """Apply a function to each of the named fields."""
        return self.map(MapFields(functions))
