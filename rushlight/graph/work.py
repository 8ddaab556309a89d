"""How much work a recorded node is, about: what the soft cuts go by."""

from __future__ import annotations

from rushlight.graph.node import Node


def operations_of(node: Node) -> int:
    """Multiplications and additions of contractions and their kin; one an element else."""
    family = node.primitive.family
    if family == "fragment":
        return node.primitive.operations
    if family == "contraction":
        return _of_contraction(node)
    if family == "linalg":
        first = node.inputs[0].spec
        return node.spec.size + 2 * first.size * first.shape[-1]
    if family == "attention":
        return _of_attention(node)
    return _of_convolution(node) if family == "convolution" else node.spec.size


def _of_contraction(node: Node) -> int:
    left = node.inputs[0].spec.shape
    contracted = 1
    for axis in node.attributes[2]:
        contracted *= left[axis]
    return node.spec.size * (1 + 2 * contracted)


def _of_attention(node: Node) -> int:
    """Each result's share: the weights are computed once for all of them."""
    query, key, value = (source.spec.shape for source in node.inputs[:3])
    if node.attributes[0] == "log_sum_exp":
        return node.spec.size
    scores = node.inputs[0].spec.size // max(query[-1], 1) * key[-2]
    return node.spec.size + 2 * scores * (query[-1] + value[-1])


def _of_convolution(node: Node) -> int:
    """Every filter at every place of the result, zeros around the input included."""
    first, second = (source.spec for source in node.inputs)
    kind = node.primitive.name
    filters = node.spec if kind == "convolve_filter" else second
    results = {"convolve": node.spec, "convolve_filter": second}.get(kind, first)
    pairs = filters.shape[0] * filters.shape[1]
    return node.spec.size + 2 * results.size * filters.size // max(pairs, 1)
