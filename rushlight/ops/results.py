"""Names that PyTorch shows: of the fields of results, and of what `grad_fn` prints."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from rushlight import return_types


def named(name: str, fields: str = "values indices") -> Any:
    """A tuple type with named fields that prints as PyTorch's return types do."""
    base = namedtuple(name, fields)

    def show(self: Any) -> str:
        parts = [f"{field}={value!r}" for field, value in zip(self._fields, self, strict=True)]
        return f"rushlight.return_types.{name}(\n" + ",\n".join(parts) + ")"

    own = {"__slots__": (), "__repr__": show, "__module__": return_types.__name__}
    made = type(name, (base,), own)
    setattr(return_types, name, made)
    return made


def shown_as(name: str) -> Any:
    """Decorate an operation: `grad_fn` prints this name, with the class's suffix."""

    def rename(operation: type) -> type:
        operation.__name__ = name
        return operation

    return rename
