"""What every differentiable operation is checked for, row by row of a table.

A test file lists rows and hands them to `table`:

    CASES = [
        OpCase("sum_all", rl.sum, (values(3, 4),), np.sum),
        OpCase("sum_dim", lambda x: x.sum(1), (values(3, 4),), lambda x: x.sum(1)),
    ]

    @table(CASES)
    def test_reductions(case, check):
        check(case)

Each row runs forward against its NumPy reference in its own dtypes and in `dtypes`, through
gradcheck and gradgradcheck, with strided views as inputs, and on the inputs in `also`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import rushlight as rl

TOLERANCE = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 2e-5, "float64": 1e-10}


@dataclass(frozen=True)
class OpCase:
    """One operation, or one form of it.

    `function` takes the inputs with arrays turned into tensors; `reference` takes them as they
    are and returns arrays (None: only derivatives and views are checked).  Floating point arrays
    are differentiated unless `grad` is False.  `also` are further inputs for the forward check
    alone: empty, ragged, 0-d.
    """

    name: str
    function: Callable
    inputs: tuple
    reference: Callable | None = None
    grad: bool = True
    gradgrad: bool = True
    strided: bool = True
    dtypes: Sequence[str] = ("float32",)
    also: Sequence[tuple] = ()
    tolerance: float | None = None

    def __str__(self) -> str:
        return self.name

    def close(self, dtype: str) -> float:
        """The relative and absolute tolerance of comparisons in this dtype."""
        return self.tolerance or TOLERANCE.get(dtype, 0)


# ------------------------------------------------------------------------------------ input values
def values(*shape: int, low: float = -1.0, high: float = 1.0, seed: int = 0) -> np.ndarray:
    """Evenly spread float64 numbers between low and high; the same for the same arguments."""
    generator = np.random.default_rng((seed, *shape))
    return generator.uniform(low, high, shape)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers between 0.5 and 2, away from what logarithms and roots cannot take."""
    return values(*shape, low=0.5, high=2.0, seed=seed)


def distinct(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers at least 0.1 apart, shuffled: no ties and no kinks near any of them."""
    generator = np.random.default_rng((seed, *shape))
    count = int(np.prod(shape))
    return (0.1 * generator.permutation(count) - 0.05 * count + 0.03).reshape(shape)


def integers(*shape: int, low: int = -5, high: int = 6, seed: int = 0) -> np.ndarray:
    """int64 numbers from low up to, not including, high."""
    return np.random.default_rng((seed, *shape)).integers(low, high, shape)


# ---------------------------------------------------------------------------------------- checking
def as_tensors(value: Any, convert: Callable = rl.tensor) -> Any:
    """Arrays, also within lists and tuples, turned into tensors."""
    if isinstance(value, np.ndarray):
        return convert(value)
    if isinstance(value, (list, tuple)):
        return type(value)([as_tensors(item, convert) for item in value])
    return value


def flat(value: Any) -> list:
    """The leaves of nested lists and tuples."""
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in flat(item)]
    return [value]


def array_of(tensor: Any) -> np.ndarray:
    """The values of a tensor as an array NumPy can compare."""
    return tensor.detach()._values()


def compare(case: OpCase, got: Any, want: Any, dtypes: bool = True) -> None:
    """Outputs against the reference's: shapes, dtypes, values."""
    got, want = flat(got), flat(want)
    assert len(got) == len(want), f"{len(got)} outputs, expected {len(want)}"
    for tensor, array in zip(got, want, strict=True):
        array = np.asarray(array)
        assert tuple(tensor.shape) == array.shape
        name = repr(tensor.dtype).rsplit(".", 1)[-1]
        if dtypes:
            assert name == array.dtype.name
        close = case.close(name)
        np.testing.assert_allclose(array_of(tensor), array, rtol=close, atol=close)


def check_forward(case: OpCase) -> None:
    """The values are the reference's, in the inputs' own dtypes, for all inputs of the row."""
    for inputs in (case.inputs, *case.also):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            want = case.reference(*inputs)
        compare(case, case.function(*as_tensors(inputs)), want)


def check_dtypes(case: OpCase) -> None:
    """Narrower floating point dtypes give the reference's values, rounded."""
    for name in case.dtypes:
        dtype = getattr(rl, name)

        def convert(array: np.ndarray, dtype: Any = dtype) -> Any:
            tensor = rl.tensor(array)
            return tensor.to(dtype) if array.dtype == np.float64 else tensor

        tensors = as_tensors(case.inputs, convert)
        rounded = as_tensors(case.inputs, lambda array: _rounded(convert(array), array))
        got, want = case.function(*tensors), case.reference(*rounded)
        compare(case, got, want, dtypes=False)
        for tensor, array in zip(flat(got), flat(want), strict=True):
            if np.asarray(array).dtype == np.float64:
                assert tensor.dtype is dtype


def _rounded(tensor: Any, array: np.ndarray) -> np.ndarray:
    return array_of(tensor).astype(array.dtype)


def _differentiated(case: OpCase) -> tuple[Callable, tuple]:
    """The function of the floating point inputs alone, and these, ready for gradcheck."""
    leaves = [leaf for leaf in flat(case.inputs) if isinstance(leaf, np.ndarray)]
    wanted = [rl.tensor(leaf, requires_grad=True) for leaf in leaves if leaf.dtype == np.float64]

    def function(*tensors: Any) -> Any:
        remaining = list(tensors)

        def convert(array: np.ndarray) -> Any:
            return remaining.pop(0) if array.dtype == np.float64 else rl.tensor(array)

        outputs = flat(case.function(*as_tensors(case.inputs, convert)))
        kept = [output for output in outputs if output.requires_grad]
        return kept[0] if len(kept) == 1 else tuple(kept)

    return function, tuple(wanted)


def check_gradients(case: OpCase) -> None:
    """The derivatives are those of finite differences."""
    function, tensors = _differentiated(case)
    assert rl.autograd.gradcheck(function, tensors)


def check_second_gradients(case: OpCase) -> None:
    """The derivatives of the derivatives, too."""
    function, tensors = _differentiated(case)
    assert rl.autograd.gradgradcheck(function, tensors)


def strided(array: np.ndarray) -> tuple[Any, Any]:
    """A leaf twice as large and transposed, and the view of it that shows the array."""
    if not array.ndim:
        leaf = rl.tensor(np.stack([array, array]))
        return leaf, lambda leaf: leaf[1]
    spaced = np.repeat(array, 2, axis=-1)
    leaf = rl.tensor(np.ascontiguousarray(spaced.T))
    axes = tuple(reversed(range(array.ndim)))
    return leaf, lambda leaf: leaf.permute(axes)[..., ::2]


def check_strided(case: OpCase) -> None:
    """Views as inputs give the same values, and their base gets the same gradients."""
    plain, views, leaves, bases = [], [], [], []

    def convert(array: np.ndarray) -> Any:
        wanted = case.grad and array.dtype == np.float64
        tensor = rl.tensor(array, requires_grad=wanted)
        base, view = strided(array)
        base.requires_grad_(wanted)
        plain.append(tensor)
        views.append(view(base))
        leaves.append(tensor)
        bases.append((base, view))
        return tensor

    contiguous = as_tensors(case.inputs, convert)
    remaining = list(views)
    viewed = as_tensors(case.inputs, lambda array: remaining.pop(0))
    want, got = flat(case.function(*contiguous)), flat(case.function(*viewed))
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(array_of(a), array_of(b), rtol=1e-12, atol=1e-12)
    if not case.grad:
        return
    for outputs in (want, got):
        total = sum((o * o.detach().cos()).sum() for o in outputs if o.requires_grad)
        total.backward()
    for leaf, (base, view) in zip(leaves, bases, strict=True):
        if leaf.grad is not None:
            found = array_of(view(base.grad))
            np.testing.assert_allclose(found, array_of(leaf.grad), rtol=1e-10, atol=1e-10)


def _checks(case: OpCase) -> list[Callable]:
    found = [check_forward, check_dtypes] if case.reference else []
    found += [check_gradients] if case.grad else []
    found += [check_second_gradients] if case.grad and case.gradgrad else []
    return found + ([check_strided] if case.strided else [])


def table(cases: Sequence[OpCase]) -> Callable:
    """Decorate a test of (case, check): it runs for each row and each check that applies."""
    rows = [(case, check) for case in cases for check in _checks(case)]
    names = [f"{case.name}-{check.__name__.removeprefix('check_')}" for case, check in rows]
    return pytest.mark.parametrize(("case", "check"), rows, ids=names)
