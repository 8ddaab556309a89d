"""`assert_close`: equal up to tolerances that fit the dtype, and words for what is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rushlight.tensor import Tensor, from_array

_TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}
_NUMBERS = (int, float, complex)
Message = str | Callable[[str], str] | None


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: Message = None,
) -> None:
    """AssertionError unless |actual - expected| <= atol + rtol * |expected| everywhere.

    Takes tensors, arrays, numbers, None, and sequences and mappings of them.  The tolerances
    default to those of the dtype: (rtol, atol) is (1.3e-6, 1e-5) for float32, (1e-7, 1e-7) for
    float64, (1e-3, 1e-5) for float16, (1.6e-2, 1e-5) for bfloat16, 0 for integers and bool.
    Shapes must be equal, dtypes too if `check_dtype`; `msg` replaces the message, or makes one
    of it.  TypeError for what cannot be compared; ValueError for one tolerance without the other.

    >>> import rushlight as rl
    >>> rl.testing.assert_close(rl.tensor([1.0]), rl.tensor([1.0 + 1e-7]))
    >>> rl.testing.assert_close(rl.tensor(1.0), rl.tensor(2.0))
    Traceback (most recent call last):
    AssertionError: Scalars are not close! ...
    """
    if (rtol is None) != (atol is None):
        raise ValueError(
            "Both 'rtol' and 'atol' must be either specified or omitted, but got no "
            f"{'rtol' if rtol is None else 'atol'}."
        )
    options = _Options(rtol, atol, equal_nan, check_dtype, check_stride)
    try:
        _compare(actual, expected, options, ())
    except _DifferenceError as difference:
        words = str(difference)
        raise AssertionError(msg(words) if callable(msg) else msg or words) from None


class _Options(NamedTuple):
    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_dtype: bool
    check_stride: bool


class _DifferenceError(Exception):
    def __init__(self, words: str, path: tuple = ()):
        place = "".join(f"[{key!r}]" for key in path)
        super().__init__(f"{words}\n\nThe failure occurred for item {place}" if path else words)


def _compare(actual: Any, expected: Any, options: _Options, path: tuple) -> None:
    if _is_array(actual) and _is_array(expected):
        _compare_tensors(actual, expected, options, path)
    elif actual is None and expected is None:
        pass
    elif isinstance(actual, (bool, np.bool_)) and isinstance(expected, (bool, np.bool_)):
        if bool(actual) is not bool(expected):
            raise _DifferenceError(f"Booleans mismatch: {actual} is not {expected}", path)
    elif isinstance(actual, _NUMBERS) and isinstance(expected, _NUMBERS):
        _compare_numbers(actual, expected, options, path)
    elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
        _compare_mappings(actual, expected, options, path)
    elif _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            words = f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            raise _DifferenceError(words, path)
        for place, (one, other) in enumerate(zip(actual, expected, strict=True)):
            _compare(one, other, options, (*path, place))
    else:
        raise TypeError(
            "No comparison pair was able to handle inputs of type "
            f"{type(actual)} and {type(expected)}."
        )


def _is_array(value: Any) -> bool:
    return isinstance(value, (Tensor, np.ndarray))


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _compare_mappings(actual: Mapping, expected: Mapping, options: _Options, path: tuple) -> None:
    missing = [key for key in expected if key not in actual]
    additional = [key for key in actual if key not in expected]
    if missing or additional:
        raise _DifferenceError(
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {missing}\n"
            f"Additional keys in the actual mapping: {additional}",
            path,
        )
    for key in actual:
        _compare(actual[key], expected[key], options, (*path, key))


def _compare_numbers(actual: Any, expected: Any, options: _Options, path: tuple) -> None:
    kinds = {int: "int64", float: "float64", complex: "complex128", bool: "bool"}
    if options.check_dtype and type(actual) is not type(expected):
        raise _DifferenceError(
            f"The (d)types do not match: {type(actual)} != {type(expected)}.", path
        )
    names = [kinds.get(type(value), "float64") for value in (actual, expected)]
    tolerances = _tolerances(names, options)
    _compare_values(np.asarray(actual), np.asarray(expected), tolerances, options, path)


def _compare_tensors(actual: Any, expected: Any, options: _Options, path: tuple) -> None:
    one, other = _as_tensor(actual), _as_tensor(expected)
    differing = _find_differing([("shape", one.shape, other.shape)])
    if options.check_dtype:
        differing = differing or _find_differing([("dtype", one.dtype, other.dtype)])
    if options.check_stride:
        differing = differing or _find_differing([("stride()", one.stride(), other.stride())])
    if differing:
        name, have, want = differing
        words = f"The values for attribute {name!r} do not match: {have} != {want}."
        raise _DifferenceError(words, path)
    tolerances = _tolerances([one.dtype.name, other.dtype.name], options)
    values = one.detach()._values(), other.detach()._values()
    _compare_values(*values, tolerances, options, path)


def _as_tensor(value: Tensor | np.ndarray) -> Tensor:
    return value if isinstance(value, Tensor) else from_array(value)


def _find_differing(attributes: list[tuple]) -> tuple | None:
    return next((entry for entry in attributes if entry[1] != entry[2]), None)


def _tolerances(names: list[str], options: _Options) -> tuple[float, float]:
    if options.rtol is not None and options.atol is not None:
        return options.rtol, options.atol
    found = [_TOLERANCES.get(name, (0.0, 0.0)) for name in names]
    return max(rtol for rtol, _ in found), max(atol for _, atol in found)


def _compare_values(
    actual: np.ndarray,
    expected: np.ndarray,
    tolerances: tuple[float, float],
    options: _Options,
    path: tuple,
) -> None:
    rtol, atol = tolerances
    wide = np.result_type(actual, expected)
    if wide.kind == "b":
        wide = np.dtype(np.int64)
    one, other = actual.astype(wide), expected.astype(wide)
    with np.errstate(all="ignore"):
        distance = _distance(one, other)
        close = one == other
        finite = np.isfinite(one) & np.isfinite(other)
        close |= finite & (distance <= atol + rtol * np.abs(other.astype(_real_kind(other))))
        if options.equal_nan:
            close |= np.isnan(one) & np.isnan(other)
        if not close.all():
            relative = distance / np.abs(other)
            raise _DifferenceError(_words(one, other, close, distance, relative, tolerances), path)


def _real_kind(array: np.ndarray) -> np.dtype:
    return array.dtype if array.dtype.kind in "fc" else np.dtype(np.float64)


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    if one.dtype.kind in "iu":
        return np.where(one > other, one - other, other - one)
    return np.abs(one - other)


def _words(
    actual: np.ndarray,
    expected: np.ndarray,
    close: np.ndarray,
    distance: np.ndarray,
    relative: np.ndarray,
    tolerances: tuple[float, float],
) -> str:
    rtol, atol = tolerances
    equality = "equal" if rtol == 0 and atol == 0 else "close"
    allowed = ["", ""] if equality == "equal" else [f" (up to {t} allowed)" for t in (atol, rtol)]
    if not close.ndim:
        return (
            f"Scalars are not {equality}!\n\nExpected {expected.item()} but got {actual.item()}.\n"
            f"Absolute difference: {distance.item()}{allowed[0]}\n"
            f"Relative difference: {relative.item()}{allowed[1]}"
        )
    count = int((~close).sum())
    lines = [
        f"Tensor-likes are not {equality}!\n",
        f"Mismatched elements: {count} / {close.size} ({count / close.size:.1%})",
    ]
    kinds = [("absolute", distance, allowed[0]), ("relative", relative, allowed[1])]
    for kind, differences, limit in kinds:
        place = _place_of_greatest(differences, close)
        value = differences[place].item()
        index = tuple(int(i) for i in place)
        lines.append(f"Greatest {kind} difference: {value} at index {index}{limit}")
    return "\n".join(lines)


def _place_of_greatest(differences: np.ndarray, close: np.ndarray) -> tuple:
    shown = np.where(close, -np.inf, differences.astype(np.float64))
    return np.unravel_index(int(np.argmax(shown)), shown.shape)
