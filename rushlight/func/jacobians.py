"""`jacrev`, `jacfwd` and `hessian`: all derivatives of a function at once, by vmap over a basis."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from rushlight.autograd.batch import map_rows
from rushlight.func.derivatives import Argnums, Chosen, Linearized, Vjp
from rushlight.func.tree import rebuild
from rushlight.ops import FUNCTIONS
from rushlight.tensor import Tensor

Rows = Callable[[list], list]


def jacrev(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """A function that returns the Jacobian of `func`, by one gradient for each output element.

    All gradients are computed at once, or `chunk_size` at a time.  Each output stands as in what
    `func` returns, as the nest of its derivatives by the arguments `argnums`, of shape
    (*output.shape, *input.shape).  With `has_aux`, `func` returns (outputs, aux), and the function
    (Jacobian, aux).

    >>> import rushlight as rl
    >>> rl.func.jacrev(lambda x: x * x)(rl.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func, updated=())
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen = Chosen(args, argnums)
        _check_real("jacrev", "inputs", chosen.tensors)
        call = Vjp("jacrev", functools.partial(func, **kwargs), chosen, has_aux)
        _check_real("jacrev", "outputs", call.outputs)
        blocks = []
        for place, output in enumerate(call.outputs):
            found = _map_basis(output, chunk_size, _pull_of(call, place))
            shape = tuple(output.shape)
            parts = [each.reshape(*shape, *tuple(each.shape)[1:]) for each in found]
            blocks.append(rebuild(chosen.structure, parts))
        result = rebuild(call.structure, blocks)
        return (result, call.aux) if has_aux else result

    return jacobian


def _pull_of(call: Vjp, place: int) -> Rows:
    """The gradients of the inputs, given that of one output."""

    def pull(rows: list) -> list:
        return call.pull_one(place, rows[0])

    return pull


def _map_basis(model: Tensor, chunk_size: int | None, function: Rows) -> list[Tensor]:
    """What `function` makes of every vector of a basis of tensors like the model, stacked."""
    size = model.numel()
    basis = FUNCTIONS["eye"](size, dtype=model.dtype).reshape(size, *tuple(model.shape))
    if chunk_size is None or chunk_size >= size:
        return map_rows(function, [basis])
    chunks = [map_rows(function, [rows]) for rows in basis.split(chunk_size)]
    return [FUNCTIONS["cat"](list(parts)) for parts in zip(*chunks, strict=True)]


def _check_real(name: str, which: str, tensors: list[Tensor]) -> None:
    """RuntimeError unless the tensors hold floating point numbers."""
    for place, tensor in enumerate(tensors):
        if not tensor.dtype.is_floating_point:
            kind = "complex tensor" if tensor.dtype.is_complex else f"{tensor.dtype} tensor"
            raise RuntimeError(
                f"{name}: Expected all {which} to be real but received {kind} at flattened "
                f"{which[:-1]} idx: {place}"
            )


def jacfwd(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable[..., Any]:
    """A function that returns the Jacobian of `func`, by one product for each input element.

    What it returns is nested and shaped as that of `jacrev`; it is the better choice where there
    are fewer inputs than outputs.  `func` runs once, so `randomness` makes no difference.

    >>> import rushlight as rl
    >>> rl.func.jacfwd(lambda x: x * x)(rl.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(func, updated=())
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen = Chosen(args, argnums)
        _check_real("jacfwd", "inputs", chosen.tensors)
        linear = Linearized("jacfwd", functools.partial(func, **kwargs), chosen, has_aux)
        _check_real("jacfwd", "outputs", linear.outputs)
        columns = []
        for place, tensor in enumerate(chosen.tensors):
            found = _map_basis(tensor, None, _push_of(linear, place))
            columns.append([_columns_last(each, tensor) for each in found])
        blocks = [rebuild(chosen.structure, list(parts)) for parts in zip(*columns, strict=True)]
        result = rebuild(linear.call.structure, blocks)
        return (result, linear.call.aux) if has_aux else result

    return jacobian


def _push_of(linear: Linearized, place: int) -> Rows:
    """How the outputs change with one input."""

    def push(rows: list) -> list:
        return linear.push_one(place, rows[0])

    return push


def _columns_last(found: Tensor, model: Tensor) -> Tensor:
    """(elements of the input, *output) as (*output, *input)."""
    shape = tuple(found.shape)[1:]
    return found.movedim(0, -1).reshape(*shape, *tuple(model.shape))


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that returns the second derivatives of `func`, the Jacobian of its Jacobian.

    For two arguments the result is ((xx, xy), (yx, yy)), each block of shape
    (*output.shape, *first.shape, *second.shape).

    >>> import rushlight as rl
    >>> rl.func.hessian(lambda x: (x * x * x).sum())(rl.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)
