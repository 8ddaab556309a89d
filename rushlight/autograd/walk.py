"""The backward walk: from the roots to the leaves, latest node first, without recursion.

Order at a node, as in PyTorch: tensor hooks of its outputs (in order of registration), retained
gradients, capture for `autograd.grad`, node pre-hooks, the backward itself, node post-hooks.  For
a leaf: tensor hooks, capture or accumulation into `.grad`, post-accumulate hooks.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rushlight.autograd.anomaly import watched
from rushlight.autograd.errors import explain_freed
from rushlight.autograd.fit import fit
from rushlight.autograd.node import AccumulateGrad, Edge, GradNode
from rushlight.autograd.rerun import walk_again
from rushlight.autograd.saved import run_packed
from rushlight.graph.batched import Batched
from rushlight.graph.creation import literal
from rushlight.graph.elementwise import add
from rushlight.graph.movement import expand
from rushlight.graph.recorder import recorder
from rushlight.tensor import Tensor, ensure_cell, modes, node_of, wrap


class Walk:
    """One call of backward: the state of the walk over the graph."""

    def __init__(
        self,
        keep_graph: bool,
        create_graph: bool,
        targets: list[Edge] | None = None,
        captures: bool = False,
    ):
        self.keep_graph = keep_graph
        self.create_graph = create_graph
        self.captures = captures
        self.captured: dict[Edge, Tensor] = {}
        self.wanted: dict[GradNode, list[Edge]] = {}
        for edge in targets or ():
            self.wanted.setdefault(edge[0], []).append(edge)
        self.arrived: dict[GradNode, list] = {}
        self.missing: dict[GradNode, int] = {}
        self.needed: set[GradNode] | None = None
        self.restricted = targets is not None
        self.pushed = 0

    def run(self, roots: list[tuple[Edge, Tensor]]) -> None:
        """Walk from the roots; fills `.grad` of leaves, or `captured`."""
        self._count_dependencies([edge[0] for edge, _ in roots])
        if self.restricted:
            self._find_needed()
            roots = [root for root in roots if root[0][0] in self.missing]
        for edge, grad in roots:
            self._deliver(edge, grad, None)
        ready: list = []
        for node in {edge[0]: None for edge, _ in roots}:
            if not self.missing[node]:
                self._push(ready, node)
        before, casting = modes.grad, modes.autocast
        modes.grad, modes.autocast = self.create_graph, None
        try:
            while ready:
                self._visit(heapq.heappop(ready)[2], ready)
        finally:
            modes.grad, modes.autocast = before, casting

    def _push(self, ready: list, node: GradNode) -> None:
        self.pushed += 1
        heapq.heappush(ready, (-node.sequence, self.pushed, node))

    def _count_dependencies(self, roots: list[GradNode]) -> None:
        missing = self.missing
        stack = []
        for node in roots:
            if node not in missing:
                missing[node] = 0
                stack.append(node)
        while stack:
            node = stack.pop()
            for edge in node.edges:
                if edge is not None:
                    target = edge[0]
                    if target in missing:
                        missing[target] += 1
                    else:
                        missing[target] = 1
                        stack.append(target)

    def _find_needed(self) -> None:
        """The nodes from which a wanted one can be reached: only these run their backward."""
        readers: dict[GradNode, list[GradNode]] = {}
        for node in self.missing:
            for edge in node.edges:
                if edge is not None:
                    readers.setdefault(edge[0], []).append(node)
        self.needed = set()
        stack = list(self.wanted)
        while stack:
            for reader in readers.get(stack.pop(), ()):
                if reader not in self.needed:
                    self.needed.add(reader)
                    stack.append(reader)
        self.missing = dict.fromkeys([n for n in self.missing if n in self.needed], 0)
        self.missing.update(dict.fromkeys(self.wanted, 0))
        for node in self.needed:
            for edge in node.edges:
                if edge is not None and edge[0] in self.missing:
                    self.missing[edge[0]] += 1

    def _deliver(self, edge: Edge, grad: Tensor, source: GradNode | None) -> None:
        """Add a gradient to what arrived at its target so far."""
        node, output = edge
        cell = grad._cell if isinstance(grad, Tensor) else self
        if cell is not None or grad._node.spec is not node.output_specs[output]:
            grad = fit(grad, node.output_specs[output], edge, source)
        if type(node_of(grad)) is Batched:
            grad = _leave_levels(grad, node, output)
        arrived = self.arrived.get(node)
        if arrived is None:
            arrived = self.arrived[node] = [None] * len(node.output_specs)
        held = arrived[output]
        if held is None:
            arrived[output] = grad
        elif modes.grad:
            arrived[output] = held + grad
        else:
            arrived[output] = wrap(add(node_of(held), node_of(grad)))

    def _visit(self, node: GradNode, ready: list) -> None:
        """Run one node; the nodes that became ready by it are pushed to `ready`."""
        grads = self.arrived.pop(node, None) or [None] * len(node.output_specs)
        if node.tensor_hooks or node.retained:
            _run_tensor_hooks(node, grads)
        if self.captures and node in self.wanted:
            self._capture(node, grads)
        if type(node) is AccumulateGrad:
            if not self.captures and grads[0] is not None:
                grads = _run_pre_hooks(node, grads)
                _accumulate(node, grads[0], self.create_graph)
            return
        restricted = self.restricted
        if restricted and node not in self.needed:
            return
        results = self._differentiate(node, grads)
        missing = self.missing
        for edge, grad in zip(node.edges, results, strict=False):
            if edge is None:
                continue
            target = edge[0]
            if restricted and target not in missing:
                continue
            if grad is not None:
                self._deliver(edge, grad, node)
            missing[target] -= 1
            if not missing[target]:
                self._push(ready, target)

    def _capture(self, node: GradNode, grads: list) -> None:
        if type(node) is AccumulateGrad and node.variable._hooks:
            grads[0] = _call_hooks(node.variable._hooks, grads[0], "tensor hook")
        for edge in self.wanted[node]:
            self.captured[edge] = grads[edge[1]]

    def _differentiate(self, node: GradNode, grads: list) -> tuple:
        if node.freed:
            raise RuntimeError(explain_freed(node, self.missing))
        if node.pre_hooks:
            grads = _run_pre_hooks(node, grads)
        absent = [grad for grad in grads if grad is None]
        if len(absent) == len(grads) and not node.runs_on_none:
            results: tuple = (None,) * len(node.edges)
        else:
            if absent and node.materialize:
                grads = _materialize(node, grads)
            run = node.run if node.packed is None else partial(run_packed, node)
            if modes.anomaly:
                run = watched(node, run)
            results = run(tuple(grads))
            if len(results) < len(node.edges):
                raise RuntimeError(
                    f"function {node.name()} returned an incorrect number of gradients "
                    f"(expected {len(node.edges)}, got {len(results)})"
                )
        if not self.keep_graph:
            node.release()
        if node.post_hooks:
            results = _run_post_hooks(node, results, tuple(grads))
        return results


def _leave_levels(grad: Tensor, node: GradNode, output: int) -> Tensor:
    from rushlight.autograd.batch import leave_levels

    return leave_levels(grad, node, output)


def _call_hooks(hooks: dict, grad: Tensor | None, what: str) -> Tensor | None:
    if grad is None:
        return None
    for hook in list(hooks.values()):
        replaced = hook(grad)
        if replaced is None:
            continue
        if not isinstance(replaced, Tensor):
            raise TypeError(
                f"expected Variable, but hook returned '{type(replaced).__name__}'\n"
                f"Expected: a Tensor or None from hook '{_name(hook)}'."
            )
        if replaced._spec.shape != grad._spec.shape:
            raise RuntimeError(
                f"hook '{_name(hook)}' has changed the size of value\n"
                f"Expected: a gradient of shape {list(grad._spec.shape)}.\n"
                f"Actual: shape {list(replaced._spec.shape)} from this {what}."
            )
        grad = replaced
    return grad


def _name(hook: Any) -> str:
    return getattr(hook, "__name__", repr(hook))


def _run_tensor_hooks(node: GradNode, grads: list) -> None:
    for output, hooks in (node.tensor_hooks or {}).items():
        grads[output] = _call_hooks(hooks, grads[output], "tensor hook")
    for output, reference in (node.retained or {}).items():
        tensor = reference()
        if tensor is not None and grads[output] is not None:
            grad = grads[output] if modes.grad else wrap(node_of(grads[output]))
            tensor._grad = grad if tensor._grad is None else tensor._grad + grad


def _run_pre_hooks(node: GradNode, grads: list) -> list:
    if type(node) is AccumulateGrad and node.variable._hooks:
        grads[0] = _call_hooks(node.variable._hooks, grads[0], "tensor hook")
    for hook in list((node.pre_hooks or {}).values()):
        grads = list(_after_hook(hook, hook(tuple(grads)), grads))
    return grads


def _run_post_hooks(node: GradNode, results: tuple, grads: tuple) -> tuple:
    for hook in list(node.post_hooks.values()):
        results = tuple(_after_hook(hook, hook(results, grads), results))
    return results


def _after_hook(hook: Callable, replaced: Any, grads: Sequence) -> Sequence:
    """What a hook put in the gradients' place; RuntimeError if those are more or fewer."""
    if replaced is None:
        return grads
    replaced = replaced if isinstance(replaced, (tuple, list)) else (replaced,)
    if len(replaced) != len(grads):
        raise RuntimeError(
            f"hook '{_name(hook)}' has changed the size of value\n"
            f"Expected {len(grads)} gradients.\nActual: {len(replaced)}."
        )
    return replaced


def _materialize(node: GradNode, grads: list) -> list:
    return [
        wrap(expand(literal(0, spec.dtype), spec.shape)) if grad is None and spec else grad
        for grad, spec in zip(grads, node.output_specs, strict=True)
    ]


def _accumulate(node: AccumulateGrad, grad: Tensor, create_graph: bool) -> None:
    variable = node.variable
    if not variable._requires_grad:
        return  # it was switched off since
    held = variable._grad
    if held is None:
        variable._grad = grad.clone() if create_graph else wrap(node_of(grad))
    elif create_graph:
        variable._grad = held + grad
    else:
        ensure_cell(held).write(node_of(held.detach() + grad.detach()))
    for hook in list((variable._post_accumulate_hooks or {}).values()):
        hook(variable)
    if node.post_hooks:
        _run_post_hooks(node, (), (grad,))


def run(
    roots: list[tuple[Edge, Tensor]],
    keep_graph: bool,
    create_graph: bool,
    targets: list[Edge] | None = None,
    captures: bool = False,
) -> dict[Edge, Tensor]:
    """Walk backward from the roots, filling `.grad` of leaves; with `targets`, of those alone.

    With `captures`, no `.grad` is touched: the gradients at the targets are returned.  The
    outermost walk's end is a soft cut: large pending work is computed there.
    """
    walk = Walk(keep_graph, create_graph, targets, captures)
    modes.walks += 1
    try:
        if targets is None and not create_graph and len(roots) == 1:
            walk_again(*roots[0], keep_graph, lambda: walk.run(roots))
        else:
            walk.run(roots)
    finally:
        modes.walks -= 1
    if not modes.walks:
        recorder().soft_cut()
    return walk.captured
