"""Scaled dot product attention and its gradient, each one primitive with its own definition.

With scores = query @ keyᵀ * scale (+ mask), where a query sees the keys that a bool mask names
and, if causal, those up to its own place:

    log_sum_exp = log(sum(exp(scores)))         over the keys that a query sees
    weights     = exp(scores) / sum(exp(scores)), 0 for keys that it does not see
    result      = weights @ value

The gradient computes weights = exp(scores - log_sum_exp) anew.  Both primitives have several
results, told apart by the first attribute, `which`.
"""

from __future__ import annotations

from functools import lru_cache

from rushlight.graph.dtype import DType, bool_, float32
from rushlight.graph.node import Node, Primitive
from rushlight.graph.recorder import record
from rushlight.graph.spec import Spec

RESULT, LOG_SUM_EXP = "result", "log_sum_exp"
QUERY, KEY, VALUE = "query", "key", "value"
_FORWARD_INPUTS, _GRADIENT_INPUTS = 4, 7


def wide(dtype: DType) -> DType:
    """The dtype of sums, of the scale and of log_sum_exp: float32 for 16-bit dtypes."""
    return float32 if dtype.itemsize == 2 else dtype


@lru_cache(maxsize=4096)
def _result(query: Spec, value: Spec) -> Spec:
    return query.with_shape((*query.shape[:-1], value.shape[-1]))


@lru_cache(maxsize=4096)
def _log_sum_exp(query: Spec) -> Spec:
    return query.with_shape(query.shape[:-1]).with_dtype(wide(query.dtype))


def _check_operands(query: Spec, key: Spec, value: Spec, scale: Spec, masks: tuple) -> None:
    """Raise ValueError if shapes or dtypes do not fit."""
    batch, (queries, size) = query.shape[:-2], query.shape[-2:]
    keys = key.shape[-2]
    fits = key.shape == (*batch, keys, size) and value.shape[:-1] == (*batch, keys)
    fits = fits and query.dtype is key.dtype is value.dtype and scale.shape == ()
    fits = fits and scale.dtype is wide(query.dtype)
    for mask in masks:
        fits = fits and mask.shape == (*batch, queries, keys) and mask.dtype in (bool_, query.dtype)
    if not fits:
        raise ValueError(f"attention of {query}, {key}, {value}, scale {scale}, masks {masks}")


def _infer_attention(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    query, key, value, scale, *masks = specs
    _check_operands(query, key, value, scale, tuple(masks))
    return _result(query, value) if attributes[0] == RESULT else _log_sum_exp(query)


def _infer_gradient(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    query, key, value, scale, result, log_sum_exp, gradient, *masks = specs
    _check_operands(query, key, value, scale, tuple(masks))
    given, right = (result, gradient, log_sum_exp), _result(query, value)
    expected = right, right, _log_sum_exp(query)
    if [(s.shape, s.dtype) for s in given] != [(s.shape, s.dtype) for s in expected]:
        raise ValueError(f"attention gradient of {given}, expected {expected}")
    return {QUERY: query, KEY: key, VALUE: value}[attributes[0]]


ATTENTION = Primitive("attention", "attention", _infer_attention, siblings=True)
ATTENTION_GRADIENT = Primitive("attention_gradient", "attention", _infer_gradient, siblings=True)


def has_mask(inputs: tuple) -> bool:
    """Whether the last of an equation's inputs, of either primitive, is a mask."""
    return len(inputs) not in (_FORWARD_INPUTS, _GRADIENT_INPUTS)


def attention(
    query: Node,
    key: Node,
    value: Node,
    scale: Node,
    mask: Node | None = None,
    causal: bool = False,
    with_log_sum_exp: bool = False,
) -> tuple[Node, Node | None]:
    """The result and, if asked for, log_sum_exp, which is minus infinity where nothing is seen.

    Shapes are (*batch, queries, size), (*batch, keys, size), (*batch, keys, values), () and, for a
    mask of bool or of the query's dtype, (*batch, queries, keys).  float16 and bfloat16 accumulate
    in float32; `scale` and log_sum_exp are float32 then.  A query that sees no key gets zeros.
    """
    inputs = [query, key, value, scale]
    if mask is not None:
        inputs.append(mask)
    # a tuple for each node: the recorder counts the references that nodes hold
    spec = _result(query.spec, value.spec)
    result = record(ATTENTION, tuple(inputs), (RESULT, causal), (), spec)
    if not with_log_sum_exp:
        return result, None
    spec = _log_sum_exp(query.spec)
    return result, record(ATTENTION, tuple(inputs), (LOG_SUM_EXP, causal), (), spec)


def attention_gradient(
    query: Node,
    key: Node,
    value: Node,
    scale: Node,
    result: Node,
    log_sum_exp: Node,
    gradient: Node,
    mask: Node | None = None,
    causal: bool = False,
    needed: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[Node | None, ...]:
    """The gradients of query, key and value, given that of the result; None where not needed.

    dscores = weights * (gradient @ valueᵀ - sum(gradient * result))
    dquery  = scale * dscores @ key
    dkey    = scale * dscoresᵀ @ query
    dvalue  = weightsᵀ @ gradient
    """
    inputs = [query, key, value, scale, result, log_sum_exp, gradient]
    if mask is not None:
        inputs.append(mask)

    def part(which: str, source: Node) -> Node:
        return record(ATTENTION_GRADIENT, tuple(inputs), (which, causal), (), source.spec)

    parts = zip((QUERY, KEY, VALUE), (query, key, value), needed, strict=True)
    return tuple([part(which, source) if wanted else None for which, source, wanted in parts])
