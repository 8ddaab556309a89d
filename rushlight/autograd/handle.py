"""The handle by which a hook is removed again."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any

_numbers = itertools.count()


class RemovableHandle:
    """Returned by every `register_..hook`; `remove()` takes the hook away, as does a `with` block.

    >>> hooks = {}
    >>> with RemovableHandle(hooks, print):
    ...     len(hooks)
    1
    >>> len(hooks)
    0
    """

    def __init__(self, hooks: dict, hook: Callable, *, first: bool = False, also: Any = ()):
        if not callable(hook):
            raise TypeError(f"Expected a hook that can be called.\nActual: {hook!r}.")
        self.id = next(_numbers)
        self._hooks = hooks
        self._also = [
            weakref.ref(other) if not isinstance(other, dict) else other for other in also
        ]
        self._name = getattr(hook, "__qualname__", repr(hook))
        hooks[self.id] = hook
        if first:
            for key in [key for key in hooks if key != self.id]:
                hooks[key] = hooks.pop(key)

    def remove(self) -> None:
        """Take the hook away; doing it twice does no harm."""
        self._hooks.pop(self.id, None)
        for other in self._also:
            other.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        state = "registered" if self.id in self._hooks else "removed"
        return f"<RemovableHandle {self.id} of {self._name}, {state}>"
