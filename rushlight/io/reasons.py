"""What a reader says about a file that it cannot, or will not, read."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rushlight.io.file import Damaged, Refused

_NOTHING_RAN = "Loading runs no code that a file may contain; nothing was loaded."


class RefusedFile(RuntimeError, pickle.UnpicklingError):  # noqa: N818 - told by its bases
    """A file asks for more than tensors and plain values, such as a function to be called.

    A RuntimeError like the error for every other file that cannot be read, and an
    UnpicklingError, as PyTorch raises with `weights_only=True`.
    """


@contextmanager
def explained(operation: str, name: Any, wanted: str) -> Iterator[None]:
    """Errors that say which file is meant and what was expected of it."""
    shown = name if isinstance(name, str) and name.startswith("the ") else repr(str(name))
    try:
        yield
    except Refused as reason:
        raise RefusedFile(
            f"{operation} refuses {shown}\nExpected: {wanted}\nActual: {reason}\n{_NOTHING_RAN}"
        ) from None
    except Damaged as reason:
        raise RuntimeError(
            f"{operation} cannot read {shown}: the file is damaged\nExpected: {wanted}\n"
            f"Actual: {reason}\n{_NOTHING_RAN}"
        ) from None
