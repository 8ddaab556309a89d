"""The argument block of convolutions."""

from __future__ import annotations

from enum import IntEnum

from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import int64


class Slot(IntEnum):
    """The slots that all kinds share; from FIRST on `Arrangement.numbers`, each kind its own."""

    LEFT = 0
    RIGHT = 1
    RESULT = 2
    WORKSPACE = 3
    LOW = 4
    """Padding below, of up to three spatial dimensions."""
    OUTPUTS = 7
    """Channels of the result."""
    PLACES = 8
    """Places of the result in each channel."""
    FIRST = 9
    FIRST_FREE = 40
    """Where an epilogue's slots begin."""


FIRST_ARRANGED = int(Slot.OUTPUTS)
MOST_NUMBERS = Slot.FIRST_FREE - FIRST_ARRANGED


class Values:
    """The numbers of an argument block as values of a kernel, by their names in lower case."""

    def __init__(self, f: Function, numbers: type[IntEnum]):
        for number in numbers:
            setattr(self, number.name.lower(), f.argument(int64, number))

    def __getattr__(self, name: str) -> Value:
        raise AttributeError(name)
