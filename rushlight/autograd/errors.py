"""Words for what goes wrong in the backward walk."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from rushlight.autograd.node import Edge, GradNode
from rushlight.graph.spec import Spec
from rushlight.tensor import Tensor


def explain_freed(node: GradNode, visited: dict[GradNode, int]) -> str:
    """Why the walk cannot go on at a node whose saved values are gone."""
    link = _linking_output(node, visited)
    name = _name_of_tensor(node)
    tensor = f"the tensor `{name}`" if name else f"a result of {node.name()}"
    made = f", recorded at {node.origin}" if node.origin else ""
    return (
        "Trying to backward through the graph a second time (or directly access saved tensors "
        "after they have already been freed). Saved intermediate values of the graph are freed "
        "when you call .backward() or autograd.grad().\n"
        f"The two passes are linked by {tensor}: {link}{made}. An earlier backward went through "
        f"{node.name()} and freed what it had saved.\n"
        f"If {name or 'it'} is state carried from an earlier step, cut the link with "
        f"`{name or 'tensor'} = {name or 'tensor'}.detach()`. If one graph has several losses, "
        "add them up and call backward once. Only if you really need two passes over one graph, "
        "specify retain_graph=True in the first call."
    )


def _linking_output(node: GradNode, visited: dict[GradNode, int]) -> str:
    for reader in visited:
        for edge in reader.edges:
            if edge is not None and edge[0] is node and not reader.freed:
                spec = node.output_specs[edge[1]]
                return f"{spec.dtype.name}{list(spec.shape)}, read by {reader.name()}"
    spec = node.output_specs[0]
    return f"{spec.dtype.name}{list(spec.shape)}"


def _name_of_tensor(node: GradNode) -> str | None:
    """What the user's code calls an output of this node, looked up in the calling frames."""
    frame = sys._getframe(1)
    while frame is not None:
        if not frame.f_globals.get("__name__", "").startswith("rushlight."):
            for scope in (frame.f_locals, frame.f_globals):
                for name, value in _named_tensors(scope):
                    if value._grad_fn is node:
                        return name
        frame = frame.f_back
    return None


def _named_tensors(scope: dict[str, Any]) -> Iterator[tuple[str, Tensor]]:
    for name, value in list(scope.items()):
        if isinstance(value, Tensor):
            yield name, value
        elif isinstance(value, (list, tuple)):
            for position, item in enumerate(value[:100]):
                if isinstance(item, Tensor):
                    yield f"{name}[{position}]", item
        elif isinstance(value, dict):
            for key, item in list(value.items())[:100]:
                if isinstance(item, Tensor):
                    yield f"{name}[{key!r}]", item
        elif hasattr(value, "__dict__") and not isinstance(value, type(sys)):
            for key, item in list(vars(value).items())[:100]:
                if isinstance(item, Tensor):
                    yield f"{name}.{key}", item


def explain_shape(source: GradNode | None, edge: Edge, have: Spec, want: Spec) -> str:
    """A gradient does not fit the value it belongs to."""
    maker, index = "The gradient given to backward", ""
    if source is not None:
        maker, index = f"Function {source.name()}", f" at index {source.edges.index(edge)}"
    return (
        f"{maker} returned an invalid gradient{index} - got {list(have.shape)} but expected shape "
        f"compatible with {list(want.shape)}\n"
        f"Expected: a gradient of shape {list(want.shape)}.\nActual: shape {list(have.shape)}."
    )
