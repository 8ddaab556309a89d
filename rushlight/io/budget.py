"""How much memory a file may ask for beside its own numbers."""

from __future__ import annotations

from rushlight.io.file import Refused

_FREE = 64 << 20
_TIMES = 32


class Budget:
    """What a file of `length` bytes may still unfold to.

    A few bytes of a pickle can ask for a copy of something large, again and again.  Every value
    that may be made that way is counted, about by its size in memory.
    """

    def __init__(self, length: int):
        self._most = self._left = _FREE + _TIMES * length

    def spend(self, nbytes: int) -> None:
        """Count memory that is about to be asked for; Refused if it is too much."""
        self._left -= nbytes
        if self._left < 0:
            raise Refused(f"what it describes takes more than {self._most:,} bytes beside its own.")
