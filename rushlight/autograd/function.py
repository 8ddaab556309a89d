"""`Function`: operations that users define by a forward and a backward of their own."""

from __future__ import annotations

import functools
import inspect
import weakref
from typing import Any

from rushlight.autograd.node import Edge, GradNode, SavedValue, attach, edge_of, next_sequence
from rushlight.graph.node import Node
from rushlight.tensor import Tensor, alias_of, modes, node_of, wrap


class FunctionCtx(GradNode):
    """What `forward` and `backward` of a user's Function share: the `ctx`, and the `grad_fn`."""

    suffix = ""
    materialize = True
    runs_on_none = True

    def __init__(self, function: type[Function], tensors: list[Tensor | None]):
        self._function = function
        self._takes_tensor = tuple([tensor is not None for tensor in tensors])
        self.edges = tuple([None if t is None else edge_of(t) for t in tensors])
        self.needs_input_grad = tuple([edge is not None for edge in self.edges])
        self.sequence = next_sequence()
        self._to_save: tuple = ()
        self._saved: tuple = ()
        self._dirty: tuple = ()
        self._constant: tuple = ()

    def name(self) -> str:
        """The Function's name with Backward behind it."""
        return self._function.__name__ + "Backward"

    @property
    def next_functions(self) -> tuple[tuple[GradNode | None, int], ...]:
        """The nodes that the gradients of the tensor arguments go to."""
        places = zip(self._takes_tensor, super().next_functions, strict=True)
        return tuple(following for is_tensor, following in places if is_tensor)

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors (or None) for backward, which reads them from `saved_tensors`."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(
                    "save_for_backward can only save variables, but argument is of type "
                    f"{type(tensor).__name__}"
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors: Tensor) -> None:
        """Accepted as in PyTorch; forward-mode differentiation does not exist here."""

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs the forward changed in place; it must return them."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which outputs have no gradient."""
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing gradients of outputs come as zeros (the default) or as None."""
        self.materialize = value

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What `save_for_backward` kept, as it was then."""
        if self.freed:
            from rushlight.autograd.errors import explain_freed

            raise RuntimeError(explain_freed(self, {}))
        if self._to_save:
            return self._to_save
        return tuple([value and value.unpack(self) for value in self._saved])

    saved_variables = saved_tensors

    def run(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        """The gradients that the user's backward computes."""
        function = self._function
        has_vjp = function.vjp is not Function.vjp
        result = (function.vjp if has_vjp else function.backward)(self, *grads)
        result = tuple(result) if isinstance(result, (tuple, list)) else (result,)
        extra = result[len(self.edges) :]
        if len(result) < len(self.edges) or any(item is not None for item in extra):
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients "
                f"(expected {len(self.edges)}, got {len(result)})"
            )
        for position, (gradient, is_tensor) in enumerate(
            zip(result, self._takes_tensor, strict=False)
        ):
            if gradient is not None and not is_tensor:
                raise RuntimeError(
                    f"function {self.name()} returned a gradient different than None at position "
                    f"{position + 1}, but the corresponding forward input was not a Variable"
                )
        return result

    def take_saved(self) -> list[Node | None]:
        """Give the saved values away until `put_saved`."""
        nodes = [value and value.node for value in self._saved]
        self.put_saved([None] * len(nodes))
        return nodes

    def put_saved(self, nodes: list[Node | None]) -> None:
        """Have the saved values again."""
        for value, node in zip(self._saved, nodes, strict=True):
            if value is not None:
                value.node = node

    def release(self) -> None:
        """Give saved tensors back."""
        if self._saved:
            self.freed = True
            self._saved, self.packed = (), None

    def _finish_saving(self, inputs: dict[int, Edge | None], outputs: list) -> None:
        """Turn the tensors to save into values that hold no tensor."""
        kept: list[SavedValue | None] = []
        for tensor in self._to_save:
            if tensor is None:
                kept.append(None)
                continue
            position = next((i for i, output in enumerate(outputs) if output is tensor), None)
            if position is not None and tensor._grad_fn is self:
                kept.append(SavedValue(node_of(tensor), None, position))
                continue
            edge = inputs[id(tensor)] if id(tensor) in inputs else edge_of(tensor)
            value = SavedValue(node_of(tensor), edge)
            value.original = weakref.ref(tensor)
            kept.append(value)
        self._to_save, self._saved = (), tuple(kept)


class Function:
    """Base of an operation with a backward of one's own, used through `apply`.

    Define `forward(ctx, *args)` and `backward(ctx, *grads)` as static methods, or `forward(*args)`
    with `setup_context(ctx, inputs, output)`.

    >>> import rushlight as rl
    >>> class Double(rl.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         return grad * 2
    >>> x = rl.ones(2, requires_grad=True)
    >>> Double.apply(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """RuntimeError: a Function is applied by its class."""
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            f"new-style autograd function with static forward method.\nUse {type(self).__name__}"
            ".apply(...), on the class."
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs; to be defined by the subclass."""
        raise NotImplementedError("You must implement the forward function for custom Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        """Save for backward, if forward takes no ctx; may be defined by the subclass."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Compute the gradients of the inputs; to be defined by the subclass."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom Function to "
            "use it with backward mode AD."
        )

    @staticmethod
    def vjp(ctx: Any, *grad_outputs: Any) -> Any:
        """Another name for `backward`; a subclass defines one of them."""
        raise NotImplementedError("vjp is not implemented.")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward, and record it for backward if an input requires a gradient."""
        takes_ctx = cls.setup_context is Function.setup_context
        if kwargs or not takes_ctx:
            args = _bind(cls.forward, takes_ctx, args, kwargs)
        tensors = [arg if isinstance(arg, Tensor) else None for arg in args]
        ctx = FunctionCtx(cls, tensors)
        recorded = modes.grad and any(edge is not None for edge in ctx.edges)
        before, modes.grad = modes.grad, False
        try:
            if takes_ctx:
                result = cls.forward(ctx, *args)
            else:
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
        finally:
            modes.grad = before
        outputs = list(result) if isinstance(result, tuple) else [result]
        known = {id(t): edge for t, edge in zip(tensors, ctx.edges, strict=True) if t is not None}
        if recorded:
            _connect(ctx, tensors, outputs)
            ctx._finish_saving(known, outputs)
            for watcher in modes.watchers:
                watcher(ctx)
        ctx._dirty = ctx._constant = ()  # outputs know ctx: it must not know them
        return tuple(outputs) if isinstance(result, tuple) else outputs[0]


def _bind(forward: Any, takes_ctx: bool, args: tuple, kwargs: dict) -> tuple:
    """All arguments of forward by position, defaults filled in."""
    bound = inspect.signature(forward).bind(*(None,) * takes_ctx, *args, **kwargs)
    bound.apply_defaults()
    return bound.args[takes_ctx:]


def _connect(ctx: FunctionCtx, tensors: list, outputs: list) -> None:
    """Make the outputs results of `ctx`."""
    inputs = {id(tensor) for tensor in tensors if tensor is not None}
    dirty = {id(tensor) for tensor in ctx._dirty}
    constant = {id(tensor) for tensor in ctx._constant}
    if not dirty <= {id(output) for output in outputs}:
        raise RuntimeError(
            "Some elements marked as dirty during the forward method were not returned as output. "
            "The inputs that are modified inplace must all be outputs of the Function."
        )
    specs = []
    for position, output in enumerate(outputs):
        if not isinstance(output, Tensor):
            specs.append(None)
            continue
        specs.append(output._spec)
        dtype = output._spec.dtype
        if id(output) in constant or not (dtype.is_floating_point or dtype.is_complex):
            continue
        if id(output) in inputs and id(output) not in dirty:
            outputs[position] = output = alias_of(output)
        _check_dirty_leaf(output, dirty)
        if id(output) in dirty and output._base is not None:
            _write_through_history(output, ctx, position)
            continue
        output._base = None
        attach(output, ctx, position)
    ctx.output_specs = tuple(specs)


def _check_dirty_leaf(output: Tensor, dirty: set) -> None:
    if id(output) in dirty and output.requires_grad and output.is_leaf:
        raise RuntimeError(
            "a leaf Variable that requires grad has been used in an in-place operation."
        )


def _write_through_history(view: Tensor, ctx: FunctionCtx, position: int) -> None:
    """A view that the forward changed: its base gets the history of the change."""
    from rushlight.autograd.inplace import rewrite_history

    value = object.__new__(Tensor)
    value._node = node_of(view)
    rewrite_history(view, attach(value, ctx, position))


class _Twice(GradNode):
    """Where gradients would have to flow through a backward that has no derivative."""

    suffix = ""
    message = "trying to differentiate twice a function that was marked with @once_differentiable"

    def run(self, grads: tuple) -> tuple:
        raise RuntimeError(self.message)


def once_differentiable(function: Any) -> Any:
    """Decorate a backward that cannot itself be differentiated: doing so is a RuntimeError."""

    @functools.wraps(function)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        before, modes.grad = modes.grad, False
        try:
            results = function(ctx, *grads)
        finally:
            modes.grad = before
        edges = [edge_of(grad) for grad in grads if isinstance(grad, Tensor)]
        if not before or not any(edges):
            return results
        listed = results if isinstance(results, tuple) else (results,)
        node = _Twice()
        node.edges, node.sequence = tuple(edges), next_sequence()
        node.output_specs = tuple([getattr(result, "_spec", None) for result in listed])
        return tuple(
            attach(wrap(node_of(result)), node, position) if isinstance(result, Tensor) else result
            for position, result in enumerate(listed)
        )

    return wrapper


class BackwardCFunction(FunctionCtx):
    """PyTorch's name for the type of ctx in backward."""
