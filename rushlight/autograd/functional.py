"""Whole derivatives of functions: Jacobians, Hessians, and their products with vectors.

Every function takes `func` with one tensor or a tuple of them; what it returns has the same form.
`create_graph=True` makes the results differentiable; `strict=True` raises RuntimeError where a
result does not depend on an input, instead of giving zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.autograd.backward import grad
from rushlight.autograd.modes import enable_grad
from rushlight.graph.creation import literal
from rushlight.graph.movement import expand
from rushlight.tensor import Tensor, from_array, wrap

Tensors = Tensor | tuple[Tensor, ...]
Nested = Tensor | tuple[Tensor, ...] | tuple[tuple[Tensor, ...], ...]


def vjp(
    func: Callable[..., Tensors],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensors, Tensors]:
    """func(inputs), and the vector `v` times the Jacobian there; v is shaped as the outputs.

    >>> import rushlight as rl
    >>> rl.autograd.functional.vjp(lambda x: x * x, rl.tensor([1.0, 2.0]), rl.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        call = _Call("vjp", func, inputs, create_graph, strict)
        vector = _vector(v, call.outputs, "the user-provided function returns")
        found = call.gradients(call.outputs, vector, create_graph)
    return call.result(call.outputs, call.outputs_in_tuple), call.result(found)


def jvp(
    func: Callable[..., Tensors],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensors, Tensors]:
    """func(inputs), and the Jacobian there times the vector `v`, which is shaped as the inputs.

    The product comes from differentiating a vector-Jacobian product once more: it is linear in its
    vector, and that derivative is the Jacobian.

    >>> import rushlight as rl
    >>> rl.autograd.functional.jvp(lambda x: x * x, rl.tensor([1.0, 2.0]), rl.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        call = _Call("jvp", func, inputs, create_graph, strict)
        vector = _vector(v, call.inputs, "the input to the user-provided function is")
        starts = [_zeros(output).requires_grad_() for output in call.outputs]
        rows = call.gradients(call.outputs, starts, True)
        found = _gradients(rows, starts, vector, create_graph)
    in_tuple = call.outputs_in_tuple
    filled = _filled(found, call.outputs)
    return call.result(call.outputs, in_tuple), call.result(filled, in_tuple)


def jacobian(
    func: Callable[..., Tensors],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Nested:
    """All derivatives of the outputs by the inputs: shape (*output.shape, *input.shape).

    Several outputs give a tuple for each, several inputs a tuple within.  One backward computes
    the row of one output element, or with `vectorize` one backward those of all; `strategy` is
    accepted and changes nothing.

    >>> import rushlight as rl
    >>> rl.autograd.functional.jacobian(lambda x: x * x, rl.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ValueError(
            'Expected strategy to be either "forward-mode" or "reverse-mode".\n'
            f"Actual: {strategy!r}."
        )
    if strict and vectorize:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorize=True` are not "
            "supported together.\nExpected: one of them."
        )
    with enable_grad():
        call = _Call("jacobian", func, inputs, create_graph, strict)
        rows = call.rows_at_once if vectorize else call.rows
        blocks = [rows(output) for output in call.outputs]
    found = tuple([call.result(block) for block in blocks])
    return found if call.outputs_in_tuple else found[0]


def hessian(
    func: Callable[..., Tensor],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Nested:
    """All second derivatives of the one number that `func` returns.

    For two inputs x and y the result is ((xx, xy), (yx, yy)), each block of shape
    (*first.shape, *second.shape).

    >>> import rushlight as rl
    >>> rl.autograd.functional.hessian(lambda x: (x * x * x).sum(), rl.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """

    def gradient(*values: Tensor) -> Tensors:
        values = values if isinstance(inputs, tuple) else values[0]
        return jacobian(_single("hessian", func), values, create_graph=True, strict=strict)

    return jacobian(
        gradient, inputs, create_graph, strict, vectorize, strategy=outer_jacobian_strategy
    )


def vhp(
    func: Callable[..., Tensor],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensor, Tensors]:
    """func(inputs), and the vector `v` times the Hessian there; v is shaped as the inputs.

    >>> import rushlight as rl
    >>> x = rl.tensor([1.0, 2.0])
    >>> rl.autograd.functional.vhp(lambda x: (x * x * x).sum(), x, rl.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return _hessian_product("vhp", func, inputs, v, create_graph, strict)


def hvp(
    func: Callable[..., Tensor],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensor, Tensors]:
    """func(inputs), and the Hessian there times the vector `v`, which is shaped as the inputs.

    >>> import rushlight as rl
    >>> x = rl.tensor([1.0, 2.0])
    >>> rl.autograd.functional.hvp(lambda x: (x * x * x).sum(), x, rl.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return _hessian_product("hvp", func, inputs, v, create_graph, strict)


def _hessian_product(
    name: str, func: Callable, inputs: Tensors, v: Any, create_graph: bool, strict: bool
) -> tuple[Tensor, Tensors]:
    """A Hessian is symmetric: the product from either side is the gradient of v times grad."""
    with enable_grad():
        call = _Call(name, _single(name, func), inputs, create_graph, strict)
        vector = _vector(v, call.inputs, "the input to the user-provided function is")
        slopes = call.gradients(call.outputs, [None], True)
        found = call.gradients(slopes, vector, create_graph)
    return call.result(call.outputs, False), call.result(found)


class _Call:
    """One call of the user's function with inputs that take part in a graph of its own."""

    def __init__(
        self, name: str, func: Callable, inputs: Tensors, create_graph: bool, strict: bool
    ):
        self.name, self.create_graph, self.strict = name, create_graph, strict
        given, self.inputs_in_tuple = _as_tuple(inputs, "inputs", name)
        self.inputs = [_own(tensor, create_graph) for tensor in given]
        outputs = func(*self.inputs)
        kind = "outputs of the user-provided function"
        self.outputs, self.outputs_in_tuple = _as_tuple(outputs, kind, name)
        if strict:
            self._check_outputs()

    def _check_outputs(self) -> None:
        for position, output in enumerate(self.outputs):
            if not output.requires_grad:
                raise RuntimeError(
                    f"Output {position} of the user-provided function does not require gradients. "
                    "The outputs must be computed in a differentiable manner from the input when "
                    "running in strict mode."
                )

    def gradients(self, outputs: Any, starts: Any, create_graph: bool) -> list[Tensor]:
        """Gradients by the inputs; zeros where there is no dependence."""
        found = _gradients(outputs, self.inputs, starts, create_graph)
        if self.strict:
            _check_dependence(found)
        return _filled(found, self.inputs)

    def rows(self, output: Tensor) -> list[Tensor]:
        """The Jacobians of one output: a row for each of its elements."""
        shape, dtype = output.shape, output.dtype
        start = np.zeros(shape, dtype.compute)
        flat = start.reshape(-1)
        columns: list[list[Tensor]] = [[] for _ in self.inputs]
        for place in range(flat.size):
            flat[place] = 1
            found = self.gradients([output], [from_array(start, dtype)], self.create_graph)
            flat[place] = 0
            for column, gradient in zip(columns, found, strict=True):
                column.append(gradient.reshape((1, *gradient.shape)))
        return [
            _join(column, tensor, (*shape, *tensor.shape))
            for column, tensor in zip(columns, self.inputs, strict=True)
        ]

    def rows_at_once(self, output: Tensor) -> list[Tensor]:
        """The same by one backward for all rows."""
        from rushlight.autograd.batch import map_rows
        from rushlight.ops import FUNCTIONS

        size, shape = output.numel(), tuple(output.shape)
        basis = FUNCTIONS["eye"](size, dtype=output.dtype).reshape(size, *shape)
        found = map_rows(
            lambda starts: self.gradients([output], starts, self.create_graph), [basis]
        )
        pairs = zip(found, self.inputs, strict=True)
        return [rows.reshape(*shape, *tuple(tensor.shape)) for rows, tensor in pairs]

    def result(self, tensors: Any, in_tuple: bool | None = None) -> Tensors:
        """Hand tensors to the user, in the form of the inputs or as said."""
        if not self.create_graph:
            tensors = [tensor.detach() for tensor in tensors]
        in_tuple = self.inputs_in_tuple if in_tuple is None else in_tuple
        return tuple(tensors) if in_tuple else tensors[0]


def _join(rows: list[Tensor], tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    from rushlight.ops import FUNCTIONS

    if not rows:
        return wrap(expand(literal(0, tensor.dtype), shape))
    return FUNCTIONS["cat"](rows).reshape(shape)


def _gradients(outputs: Any, inputs: Any, starts: Any, create_graph: bool) -> list:
    """Gradients, None where nothing requires one."""
    pairs = [pair for pair in zip(outputs, starts, strict=True) if pair[0].requires_grad]
    if not pairs:
        return [None] * len(inputs)
    outputs, starts = zip(*pairs, strict=True)
    found = grad(
        outputs, inputs, starts, retain_graph=True, create_graph=create_graph, allow_unused=True
    )
    return list(found)


def _filled(found: list, like: Any) -> list[Tensor]:
    return [
        _zeros(tensor) if gradient is None else gradient
        for gradient, tensor in zip(found, like, strict=True)
    ]


def _check_dependence(found: list) -> None:
    for position, gradient in enumerate(found):
        if gradient is None:
            raise RuntimeError(
                f"The output of the user-provided function is independent of input {position}. "
                "This is not allowed in strict mode."
            )


def _own(tensor: Tensor, create_graph: bool) -> Tensor:
    if create_graph and tensor.requires_grad:
        return tensor.view_as(tensor)
    return tensor.detach().requires_grad_()


def _zeros(tensor: Tensor) -> Tensor:
    return wrap(expand(literal(0, tensor.dtype), tensor._spec.shape))


def _vector(v: Tensors | None, like: Any, holder: str) -> list[Tensor | None]:
    """The vector as a list shaped like `like`; may be left out for a single number."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if {holder} a single Tensor with a single element."
            )
        return [wrap(expand(literal(1, like[0].dtype), like[0]._spec.shape))]
    vector, _ = _as_tuple(v, "v", "the product")
    if len(vector) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(vector)}."
        )
    for position, (entry, tensor) in enumerate(zip(vector, like, strict=True)):
        if entry.shape != tensor.shape:
            raise RuntimeError(
                f"Entry {position} in v has invalid size: should be {tensor.shape} but got "
                f"{entry.shape}."
            )
    return list(vector)


def _single(name: str, func: Callable) -> Callable:
    """The function, checked to return one number."""

    def checked(*values: Tensor) -> Tensor:
        output = func(*values)
        if not isinstance(output, Tensor):
            raise RuntimeError(f"The function given to {name} should return a single Tensor")
        if output.numel() != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {name} should contain a single "
                f"element\nExpected: 1 element.\nActual: shape {list(output.shape)}."
            )
        return output.reshape(())

    return checked


def _as_tuple(value: Any, what: str, name: str) -> tuple[tuple[Tensor, ...], bool]:
    entries = value if isinstance(value, tuple) else (value,)
    for position, entry in enumerate(entries):
        if not isinstance(entry, Tensor):
            place = f" {position}" if isinstance(value, tuple) else ""
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but "
                f"the value{place} has type {type(entry)}."
            )
    return entries, isinstance(value, tuple)
