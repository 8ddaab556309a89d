"""Tensors whose values follow from their places: ranges, the identity, grids."""

from __future__ import annotations

import math
import warnings
from typing import Any

from rushlight.dtypes import as_dtype
from rushlight.graph import elementwise as e
from rushlight.graph import movement as m
from rushlight.graph.creation import iota, number
from rushlight.graph.dtype import DType, float64, int64
from rushlight.graph.node import Node
from rushlight.ops.check import check_int, check_tensor
from rushlight.ops.options import check_options, finish
from rushlight.ops.promotion import get_default_dtype
from rushlight.tensor import Tensor, wrap


def _number(value: Any) -> int | float:
    return value.item() if isinstance(value, Tensor) or hasattr(value, "item") else value


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    out: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Numbers from start (0) up to, not including, end, step by step.

    int64 if all three are integers, else float32 (the default dtype).  RuntimeError for a step of
    0 or one that leads away from end.

    >>> import rushlight as rl
    >>> rl.arange(5), rl.arange(1, 2.5, 0.5)
    (tensor([0, 1, 2, 3, 4]), tensor([1.0000, 1.5000, 2.0000]))
    """
    check_options("arange", layout=layout, device=device, out=out)
    if end is None:
        if start is None:
            raise TypeError(
                "arange() received an invalid combination of arguments - got ()\n"
                "Expected: an end, or a start and an end."
            )
        start, end = 0, start
    start = 0 if start is None else start
    start, end, step = _number(start), _number(end), _number(step)
    whole = all(isinstance(value, int) for value in (start, end, step))
    dtype = as_dtype("arange", dtype) or (int64 if whole else get_default_dtype())
    _check_range(start, end, step)
    if dtype.kind in "iu" and not whole:
        start, end, step, whole = int(start), int(end), int(step), True
        _check_range(start, end, step)
    count = -((start - end) // step) if whole else math.ceil((end - start) / step)
    exact = int64 if whole else float64
    places = e.cast(iota(max(int(count), 0)), exact)
    values = e.add(e.mul(places, number(step, exact)), number(start, exact))
    return finish(wrap(e.cast(values, dtype)), requires_grad)


def _check_range(start: Any, end: Any, step: Any) -> None:
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError(
            "upper bound and lower bound inconsistent with step sign\n"
            f"Expected: a step from {start} towards {end}.\nActual: {step}. In arange."
        )


def range_(start: Any = 0, end: Any = None, step: Any = 1, **options: Any) -> Tensor:
    """Deprecated in PyTorch: like arange with the end included, as float32."""
    if end is None:
        start, end = 0, start
    count = math.floor((end - start) / step) + 1
    options.setdefault("dtype", get_default_dtype())
    return arange(start, start + (count - 0.5) * step, step, **options)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    out: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`steps` numbers at equal distances from start to end, both included.

    >>> import rushlight as rl
    >>> rl.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    check_options("linspace", layout=layout, device=device, out=out)
    dtype = as_dtype("linspace", dtype) or get_default_dtype()
    values = _spaced("linspace", _number(start), _number(end), steps, dtype)
    return finish(wrap(e.cast(values, dtype)), requires_grad)


def _spaced(name: str, start: Any, end: Any, steps: int, dtype: DType) -> Node:
    """Equal distances in float64: the first half from the start, the second from the end."""
    if not hasattr(steps, "__index__"):
        raise TypeError(f"{name}(): argument 'steps' must be int, not {type(steps).__name__}")
    steps = int(steps)
    if steps < 0:
        raise RuntimeError(
            "number of steps must be non-negative\nExpected: 0 or more.\n"
            f"Actual: {steps}. In {name}."
        )
    if dtype.kind in "iu":
        start, end = int(start), int(end)
    step = number((end - start) / max(steps - 1, 1), float64)
    places = e.cast(iota(steps), float64)
    rising = e.add(number(start, float64), e.mul(step, places))
    behind = e.sub(number(steps - 1, float64), places)
    falling = e.sub(number(end, float64), e.mul(step, behind))
    first_half = e.compare(e.LT, places, number(steps // 2 if steps > 1 else 1, float64))
    return e.where(first_half, rising, falling)


def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: DType | None = None,
    out: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """base to the power of `linspace(start, end, steps)`."""
    check_options("logspace", layout=layout, device=device, out=out)
    dtype = as_dtype("logspace", dtype) or get_default_dtype()
    powers = _spaced("logspace", _number(start), _number(end), steps, dtype)
    values = e.binary(e.POW, number(_number(base), float64), powers)
    return finish(wrap(e.cast(values, dtype)), requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    out: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A matrix of n rows and m columns (n unless given): 1 on the diagonal, else 0.

    >>> import rushlight as rl
    >>> rl.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_options("eye", layout=layout, device=device, out=out)
    m = n if m is None else m
    for name, size in (("n", n), ("m", m)):
        check_int("eye", name, size)
        if size < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {size}")
    dtype = as_dtype("eye", dtype) or get_default_dtype()
    return finish(wrap(e.cast(_same_place(int(n), int(m)), dtype)), requires_grad)


def _same_place(rows: int, columns: int) -> Node:
    shape = rows, columns
    row = m.expand(iota(rows), shape, (0,))
    return e.compare(e.EQ, row, m.expand(iota(columns), shape, (1,)))


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Each 1-d tensor spread over the grid of all of them, as views.

    `indexing` "ij" counts the first tensor along the first dimension, "xy" swaps the first two.
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if indexing is None:
        words = "rushlight.meshgrid: in an upcoming release, it will be required to pass the "
        warnings.warn(words + "indexing argument.", UserWarning, stacklevel=2)
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(
            f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for tensor in tensors:
        if check_tensor("meshgrid", "tensors", tensor).dim() > 1:
            raise RuntimeError(
                f"meshgrid: Expected 0D or 1D tensor in the tensor list but got: {tensor}"
            )
    order = list(range(len(tensors)))
    if indexing == "xy" and len(tensors) > 1:
        order[:2] = 1, 0
    shape = [tensors[position].numel() for position in order]
    grids = []
    for position, tensor in enumerate(tensors):
        sizes = [1] * len(tensors)
        sizes[order.index(position)] = tensor.numel()
        grids.append(tensor.reshape(sizes).expand(shape))
    return tuple(grids)


FUNCTIONS = {f.__name__: f for f in (arange, linspace, logspace, eye, meshgrid)}
FUNCTIONS["range"] = range_
METHODS: dict[str, Any] = {}
