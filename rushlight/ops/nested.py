"""Nested tuples, lists and dicts of tensors: taken apart and put together again."""

from __future__ import annotations

from typing import Any

from rushlight.tensor import Tensor


def flatten(value: Any, operation: str, argument: str) -> tuple[list[Tensor], Any]:
    """The tensors of a nest in order, and its structure; None is an empty nest.

    TypeError for anything else than tensors in tuples, lists and dicts.
    """
    tensors: list[Tensor] = []
    return tensors, _describe(value, tensors, operation, argument)


def _describe(value: Any, tensors: list[Tensor], operation: str, argument: str) -> Any:
    if isinstance(value, Tensor):
        tensors.append(value)
        return Tensor
    if value is None:
        return None
    if isinstance(value, dict):
        parts = [_describe(item, tensors, operation, argument) for item in value.values()]
        return dict, tuple(value), tuple(parts)
    if isinstance(value, (tuple, list)):
        parts = [_describe(item, tensors, operation, argument) for item in value]
        return type(value), None, tuple(parts)
    raise TypeError(
        f"{operation}(): {argument} must consist of tensors, not {type(value).__name__}\n"
        f"Expected: tensors, also nested in tuples, lists and dicts, or None.\nActual: {value!r}."
    )


def rebuild(structure: Any, tensors: list[Tensor]) -> Any:
    """The nest of this structure with these tensors."""
    return _rebuild(structure, iter(tensors))


def _rebuild(structure: Any, tensors: Any) -> Any:
    if structure is Tensor:
        return next(tensors)
    if structure is None:
        return None
    kind, keys, parts = structure
    values = [_rebuild(part, tensors) for part in parts]
    if kind is dict:
        return dict(zip(keys, values, strict=True))
    return kind(*values) if hasattr(kind, "_fields") else kind(values)


def text(structure: Any) -> str:
    """A structure in words, for errors: (tensor, [tensor, None])."""
    if structure is Tensor:
        return "tensor"
    if structure is None:
        return "None"
    kind, keys, parts = structure
    inner = [text(part) for part in parts]
    if kind is dict:
        return "{" + ", ".join([f"{k!r}: {v}" for k, v in zip(keys, inner, strict=True)]) + "}"
    return f"[{', '.join(inner)}]" if kind is list else f"({', '.join(inner)})"
