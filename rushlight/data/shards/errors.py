"""What is wrong with a shard, and where."""

from __future__ import annotations

import warnings


class ShardError(ValueError):
    """A shard that is not as it must be, or that cannot be read on.

    `url`, `offset` (bytes into the tar, None where it does not matter) and `key` (of the sample,
    where one is known) say where; `reason` says what.

    >>> print(ShardError("the checksum is wrong", "a.tar", 512, "cat"))
    a.tar, offset 512, sample 'cat': the checksum is wrong
    """

    def __init__(
        self, reason: str, url: str = "", offset: int | None = None, key: str | None = None
    ):
        super().__init__(reason, url, offset, key)
        self.reason, self.url, self.offset, self.key = reason, url, offset, key

    def __str__(self) -> str:
        places = [self.url] if self.url else []
        places += [] if self.offset is None else [f"offset {self.offset}"]
        places += [] if self.key is None else [f"sample {self.key!r}"]
        return f"{', '.join(places)}: {self.reason}" if places else self.reason


def warn_and_continue(error: Exception) -> bool:
    """A `handler` that warns of an error and goes on without what it spoilt.

    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     _ = warn_and_continue(ShardError("truncated", "a.tar"))
    >>> str(caught[0].message)
    'left out: a.tar: truncated'
    """
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    warnings.warn(f"left out: {error}{notes}", stacklevel=2)
    return True
