"""`grad`, `vjp`, `jvp` and `linearize`: derivatives of functions, without `.grad` fields."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from rushlight.autograd.given import (
    Given,
    depends_on_others,
    differentiating,
    gradients,
    leave,
    zeros,
)
from rushlight.func.tree import Structure, flatten, map_leaves, rebuild
from rushlight.graph.creation import literal
from rushlight.tensor import Tensor, wrap

Argnums = int | tuple[int, ...]


# ---------------------------------------------------------------------------- arguments and outputs
class Chosen:
    """The arguments by which a function is differentiated, among all of them."""

    def __init__(self, args: tuple, argnums: Argnums):
        self.args = args
        self.single = isinstance(argnums, int)
        self.places = _places(argnums, len(args))
        values = tuple([args[place] for place in self.places])
        leaves, self.structure = flatten(values[0] if self.single else values)
        self.tensors = check_tensors(leaves)

    def replaced(self, tensors: list) -> list:
        """All arguments, with these leaves in the chosen ones."""
        values = rebuild(self.structure, tensors)
        found = list(self.args)
        for place, value in zip(self.places, [values] if self.single else values, strict=True):
            found[place] = value
        return found


def _places(argnums: Any, count: int) -> list[int]:
    if not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    given = (argnums,) if isinstance(argnums, int) else argnums
    places = []
    for argnum in given:
        if not isinstance(argnum, int):
            raise RuntimeError(f"argnum must be int, got: {type(argnum)}")
        if not -count <= argnum < count:
            raise RuntimeError(f"Got argnum={argnum}, but only {count} positional inputs")
        places.append(argnum % count)
    if not places:
        raise RuntimeError("argnums must be non-empty")
    if len({*places}) != len(places):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return places


def check_tensors(leaves: list) -> list[Tensor]:
    """The leaves, all of which must be tensors: else a ValueError."""
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(leaf)}")
    return leaves


def split_aux(name: str, output: Any, has_aux: bool) -> tuple[Any, Any]:
    """The output to differentiate, and what comes with it."""
    if not has_aux:
        return output, None
    if not isinstance(output, tuple) or len(output) != 2:
        raise RuntimeError(
            f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return output


def leave_all(value: Any) -> Any:
    """A nest of results as others see it."""
    return map_leaves(lambda leaf: leave(leaf) if isinstance(leaf, Tensor) else leaf, value)


def _check_outputs(name: str, leaves: list) -> None:
    """The outputs of a function to differentiate are tensors, of floating point numbers."""
    if not leaves or (len(leaves) == 1 and leaves[0] is None):
        raise RuntimeError(
            f"{name}: Expected f to be a function that has non-empty output (got output = {leaves})"
        )
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(
                f"{name}: expected f(*primals) to return only tensors, got unsupported type "
                f"{type(leaf)}"
            )


# ------------------------------------------------------------------------------------------- grad
def grad_and_value(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns the gradient of `func` and its value.

    With `has_aux`, `func` returns (output, aux), and the function (gradient, (output, aux)).

    >>> import rushlight as rl
    >>> rl.func.grad_and_value(lambda x: x * x)(rl.tensor(3.0))
    (tensor(6.), tensor(9.))
    """

    @functools.wraps(func, updated=())
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        chosen = Chosen(args, argnums)
        with differentiating(chosen.tensors) as inputs:
            result = func(*chosen.replaced(inputs.tensors), **kwargs)
        output, aux = split_aux("grad_and_value(f)(*args)", result, has_aux)
        start = _one_for(output)
        held = [leaf for leaf in flatten(aux)[0] if isinstance(leaf, Tensor)]
        found = gradients([output], [start], inputs.nodes, depends_on_others(held))
        gradient = rebuild(chosen.structure, found)
        if has_aux:
            return gradient, (leave(output), leave_all(aux))
        return gradient, leave(output)

    return differentiated


def _one_for(output: Any) -> Tensor:
    """Where a gradient begins; RuntimeError for what is not one number in a tensor."""
    if not isinstance(output, Tensor):
        raise RuntimeError(
            "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got "
            f"{type(output)}"
        )
    spec = output._spec
    if spec.rank:
        raise RuntimeError(
            "grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor, got tensor "
            f"with {spec.rank} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )
    return wrap(literal(1, spec.dtype))


def grad(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns the gradient of `func`, whose output is one number.

    `argnums` says by which positional arguments: one, or several for a tuple of gradients.  An
    argument may be a nest of tensors in tuples, lists and dicts; its gradient is nested likewise.
    With `has_aux`, `func` returns (output, aux), and the function (gradient, aux).  The `.grad` of
    tensors is not touched.

    >>> import rushlight as rl
    >>> rl.func.grad(rl.sin)(rl.tensor(0.0))
    tensor(1.)
    >>> rl.func.grad(lambda x, y: x * y, argnums=(0, 1))(rl.tensor(2.0), rl.tensor(5.0))
    (tensor(5.), tensor(2.))
    """
    with_value = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func, updated=())
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        gradient, value = with_value(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return differentiated


# -------------------------------------------------------------------------------------------- vjp
class Vjp:
    """A function called on stand-ins: its outputs, and their derivatives."""

    def __init__(self, name: str, func: Callable, chosen: Chosen, has_aux: bool):
        with differentiating(chosen.tensors) as inputs:
            result = func(*chosen.replaced(inputs.tensors))
        result, aux = split_aux(name, result, has_aux)
        self.outputs, self.structure = flatten(result)
        _check_outputs(name, self.outputs)
        self.nodes: list[Given] = inputs.nodes
        self.aux = leave_all(aux)

    def result(self) -> Any:
        """The outputs as others see them."""
        return rebuild(self.structure, [leave(output) for output in self.outputs])

    def pull(self, starts: list[Tensor], keep_graph: bool = True) -> list[Tensor]:
        """The gradients of the inputs, given those of the outputs."""
        return gradients(self.outputs, starts, self.nodes, keep_graph)

    def pull_one(self, place: int, start: Tensor) -> list[Tensor]:
        """The gradients of the inputs, given that of one output."""
        return gradients([self.outputs[place]], [start], self.nodes)


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple:
    """func(*primals), and a function from gradients of the outputs to those of all primals.

    The function takes gradients nested like the outputs and returns a tuple, one for each primal.
    With `has_aux`, `func` returns (outputs, aux), and the result is (outputs, function, aux).

    >>> import rushlight as rl
    >>> output, pull = rl.func.vjp(lambda x: x * x, rl.tensor([1.0, 2.0]))
    >>> pull(rl.tensor([1.0, 10.0]))
    (tensor([ 2., 40.]),)
    """
    chosen = Chosen(primals, tuple(range(len(primals))))
    call = Vjp("vjp(f, *primals)", func, chosen, has_aux)
    for output in call.outputs:
        if not output.dtype.is_differentiable:
            raise RuntimeError(
                "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got "
                f"Tensor with dtype {output.dtype}"
            )

    def pull(cotangents: Any, *others: Any, retain_graph: bool = True) -> tuple:
        leaves, structure = flatten((cotangents, *others) if others else cotangents)
        if structure != call.structure:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {structure}, primal output: "
                f"{call.structure}"
            )
        check_tensors(leaves)
        _check_shapes("vjp_fn(cotangents)", leaves, call.outputs)
        return rebuild(chosen.structure, call.pull(leaves, retain_graph))

    return (call.result(), pull, call.aux) if has_aux else (call.result(), pull)


def _check_shapes(name: str, given: list[Tensor], models: list[Tensor]) -> None:
    """RuntimeError unless vectors are shaped as what they belong to."""
    for position, (vector, model) in enumerate(zip(given, models, strict=True)):
        if vector._spec.shape != model._spec.shape:
            raise RuntimeError(
                f"{name}: a vector has another shape than what it belongs to\n"
                f"Expected: shape {list(model.shape)} at place {position}.\n"
                f"Actual: shape {list(vector.shape)}."
            )


# -------------------------------------------------------------------------------------------- jvp
class Linearized:
    """A function called on stand-ins: its outputs, and how they change with the inputs.

    A vector-Jacobian product is linear in its vector.  Differentiating it once more, by the vector,
    gives the Jacobian-vector product; so every operation has it whose gradient has one.
    """

    def __init__(self, name: str, func: Callable, chosen: Chosen, has_aux: bool = False):
        self.call = Vjp(name, func, chosen, has_aux)
        self.outputs = self.call.outputs
        self.smooth = [output.dtype.is_differentiable for output in self.outputs]
        smooth = [output for output in self.outputs if output.dtype.is_differentiable]
        with differentiating([zeros(output._spec) for output in smooth]) as vectors:
            self.rows = gradients(smooth, vectors.tensors, self.call.nodes)
        self.nodes = vectors.nodes

    def push(self, tangents: list[Tensor]) -> list[Tensor]:
        """How the outputs change with the inputs; zeros for whole numbers."""
        return self._filled(gradients(self.rows, tangents, self.nodes))

    def push_one(self, place: int, tangent: Tensor) -> list[Tensor]:
        """How the outputs change with one input."""
        return self._filled(gradients([self.rows[place]], [tangent], self.nodes))

    def _filled(self, grads: list[Tensor]) -> list[Tensor]:
        found = iter(grads)
        pairs = zip(self.outputs, self.smooth, strict=True)
        return [next(found) if smooth else zeros(output._spec) for output, smooth in pairs]


def jvp(
    func: Callable[..., Any],
    primals: tuple,
    tangents: tuple,
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> tuple:
    """func(*primals), and the Jacobian there times the tangents, nested like the outputs.

    `tangents` are nested like `primals`.  With `has_aux`, `func` returns (outputs, aux), and aux
    comes last.  With `strict`, RuntimeError if an output does not depend on the inputs.

    >>> import rushlight as rl
    >>> rl.func.jvp(lambda x: x * x, (rl.tensor([1.0, 2.0]),), (rl.tensor([1.0, 10.0]),))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    name = "jvp(f, primals, tangents)"
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{name}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    chosen = Chosen(primals, tuple(range(len(primals))))
    leaves = _tangents(name, tangents, chosen.structure, chosen.tensors)
    linear = Linearized(name, func, chosen, has_aux)
    if strict and not all(output.requires_grad for output in linear.outputs):
        raise RuntimeError(
            f"{name}: The output of f is independent of the inputs. This is not allowed with "
            "strict=True."
        )
    pushed = rebuild(linear.call.structure, linear.push(leaves))
    result = linear.call.result()
    return (result, pushed, linear.call.aux) if has_aux else (result, pushed)


def _tangents(name: str, given: Any, structure: Structure, primals: list) -> list[Tensor]:
    """The leaves of tangents; RuntimeError unless they are nested and shaped like the primals."""
    leaves, found = flatten(given)
    if found != structure:
        raise RuntimeError(
            f"{name}: Expected primals and tangents to have the same python structure. For "
            "example, if primals is a tuple of 3 tensors, tangents also must be. Got primals with "
            f"structure {structure} and tangents with structure {found}"
        )
    _check_shapes(name, check_tensors(leaves), primals)
    return leaves


def linearize(func: Callable[..., Any], *primals: Any) -> tuple:
    """func(*primals), and the function that gives the Jacobian there times its arguments.

    `func` runs once, however often the second function is called.

    >>> import rushlight as rl
    >>> output, push = rl.func.linearize(lambda x: x * x, rl.tensor([1.0, 2.0]))
    >>> push(rl.tensor([1.0, 10.0]))
    tensor([ 2., 40.])
    """
    chosen = Chosen(primals, tuple(range(len(primals))))
    linear = Linearized("linearize(f, *primals)", func, chosen)

    def push(*tangents: Any) -> Any:
        leaves = _tangents("jvp_fn(*tangents)", tangents, chosen.structure, chosen.tensors)
        return rebuild(linear.call.structure, linear.push(leaves))

    return linear.call.result(), push
