"""`backward` and `grad`: where a walk begins."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from rushlight.autograd import walk
from rushlight.autograd.hooks import retain_grad
from rushlight.autograd.node import Edge, edge_of
from rushlight.graph.batched import active_levels
from rushlight.graph.creation import literal
from rushlight.graph.movement import expand
from rushlight.tensor import Tensor, modes, wrap

Tensors = Tensor | Sequence[Tensor]
_CYCLE = (
    "Using backward() with create_graph=True will create a reference cycle between the parameter "
    "and its gradient which can cause a memory leak. We recommend using autograd.grad when "
    "creating the graph to avoid this. If you have to use this function, make sure to reset the "
    ".grad fields of your parameters to None after use to break the cycle and avoid the leak."
)


def backward(
    tensors: Tensors,
    grad_tensors: Tensors | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradients of `tensors` to the `.grad` of every leaf they depend on.

    `grad_tensors` are the gradients to start from, 1 for a scalar by default.  With `inputs`, only
    those leaves' `.grad` are filled.  The graph is freed unless `retain_graph` (by default what
    `create_graph` is).
    """
    if modes.transforms or active_levels():
        raise RuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use "
            "functorch.grad or functorch.vjp instead or call backward() outside of functorch "
            "transforms.\nThose are rl.func.grad and rl.func.vjp."
        )
    keep = create_graph if retain_graph is None else retain_graph
    if grad_tensors is None:
        grad_tensors = grad_variables
    roots = _roots(_listed(tensors), grad_tensors, create_graph)
    if create_graph:
        warnings.warn(_CYCLE, stacklevel=2)
    if inputs is None:
        walk.run(roots, keep, create_graph)
        return
    wanted = _listed(inputs)
    if not wanted:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    edges = [_edge_of_input(tensor) for tensor in wanted]
    for tensor in wanted:
        retain_grad(tensor)
    walk.run(roots, keep, create_graph, edges)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Tensors | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`, without touching any `.grad`.

    With `is_grads_batched`, the leading dimension of `grad_outputs` counts vectors, and that of the
    results says what follows from each.
    Raises RuntimeError for an input that the outputs do not depend on, unless `allow_unused` (then
    None) or `materialize_grads` (then zeros).

    >>> import rushlight as rl
    >>> x = rl.tensor(3.0, requires_grad=True)
    >>> rl.autograd.grad(x * x, x)
    (tensor(6.),)
    """
    if is_grads_batched:
        options = retain_graph, create_graph, only_inputs, allow_unused, False, materialize_grads
        return _grad_of_rows(outputs, inputs, grad_outputs, options)
    if allow_unused is False and materialize_grads:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads")
    wanted = _listed(inputs)
    edges = [_edge_of_input(tensor) for tensor in wanted]
    roots = _roots(_listed(outputs), grad_outputs, create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    captured = walk.run(roots, keep, create_graph, edges, captures=True)
    found = [captured.get(edge) for edge in edges]
    for position, (tensor, gradient) in enumerate(zip(wanted, found, strict=True)):
        if gradient is None and materialize_grads:
            found[position] = wrap(expand(literal(0, tensor.dtype), tensor._spec.shape))
        elif gradient is None and not allow_unused:
            raise RuntimeError(
                "One of the differentiated Tensors appears to not have been used in the graph. "
                "Set allow_unused=True if this is the desired behavior.\n"
                f"It is inputs[{position}], of shape {list(tensor.shape)}."
            )
    if not create_graph:
        found = [gradient if gradient is None else gradient.detach() for gradient in found]
    return tuple(found)


def _grad_of_rows(outputs: Tensors, inputs: Tensors, rows: Any, options: tuple) -> tuple:
    """The gradients for each row of the gradients of the outputs."""
    from rushlight.autograd.batch import map_rows

    def pull(starts: list[Tensor | None]) -> Sequence[Tensor | None]:
        return grad(outputs, inputs, starts, *options)

    given = [rows] if rows is None or isinstance(rows, Tensor) else list(rows)
    if all(row is None for row in given):
        raise RuntimeError("is_grads_batched needs grad_outputs\nExpected: a batch of vectors.")
    return tuple(map_rows(pull, given))


def _listed(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _edge_of_input(tensor: Tensor) -> Edge:
    edge = edge_of(tensor)
    if edge is None:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return edge


def _roots(tensors: list, grads: Any, create_graph: bool) -> list[tuple[Edge, Tensor]]:
    if grads is None or isinstance(grads, Tensor):
        grads = [grads] * len(tensors) if grads is None else [grads]
    grads = list(grads)
    if len(grads) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(grads)} gradients")
    roots = []
    for position, (tensor, gradient) in enumerate(zip(tensors, grads, strict=True)):
        edge = edge_of(tensor)
        if edge is None:
            raise RuntimeError(
                f"element {position} of tensors does not require grad and does not have a "
                "grad_fn\nExpected a tensor computed from one that requires grad, outside "
                "no_grad."
            )
        roots.append((edge, _start(tensor, gradient)))
    return roots


def _start(tensor: Tensor, gradient: Tensor | None) -> Tensor:
    spec = tensor._spec
    if gradient is None:
        if spec.size != 1:
            raise RuntimeError(
                "grad can be implicitly created only for scalar outputs\n"
                f"Expected: a tensor with one element, or backward(gradient=...) of its shape.\n"
                f"Actual: shape {list(spec.shape)} without a gradient. Reduce it first, for "
                "example by .sum() or .mean()."
            )
        if not spec.dtype.is_floating_point:
            raise RuntimeError("grad can be implicitly created only for real scalar outputs")
        return wrap(expand(literal(1, spec.dtype), spec.shape))
    if not isinstance(gradient, Tensor):
        raise TypeError("gradients can be either Tensors or None, but got " + str(type(gradient)))
    if gradient._spec.shape != spec.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[0] has a shape of {list(gradient.shape)} and "
            f"output[0] has a shape of {list(spec.shape)}."
        )
    return gradient


def _backward_method(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradient of this tensor to the `.grad` of every leaf it depends on.

    `gradient` is the gradient to start from, needed unless the tensor has one element.

    >>> import rushlight as rl
    >>> x = rl.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    backward(self, gradient, retain_graph, create_graph, inputs=inputs)


METHODS = {"backward": _backward_method}
