"""Names that PyTorch shows: of the fields of results, and of what `grad_fn` prints."""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def named(name: str, fields: str = "values indices") -> Any:
    """A tuple type with named fields that prints as PyTorch's return types do."""
    base = namedtuple(name, fields)

    def show(self: Any) -> str:
        parts = [f"{field}={value!r}" for field, value in zip(self._fields, self, strict=True)]
        return f"rushlight.return_types.{name}(\n" + ",\n".join(parts) + ")"

    return type(name, (base,), {"__slots__": (), "__repr__": show, "__module__": __name__})


def shown_as(name: str) -> Any:
    """Decorate an operation: `grad_fn` prints this name, with the class's suffix."""

    def rename(operation: type) -> type:
        operation.__name__ = name
        return operation

    return rename
