"""Primitives for special functions, which every engine leaves to NumPy."""

from __future__ import annotations

from rushlight.graph.elementwise import unary
from rushlight.graph.node import Node, Primitive
from rushlight.graph.recorder import record
from rushlight.graph.spec import Spec


def _infer_same(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    first = specs[0]
    if any(x.shape != first.shape or x.dtype is not first.dtype for x in specs):
        raise ValueError(f"operands of a special function differ: {specs}")
    return first


_ONE = ("airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "spherical_bessel_j0")
_ONE += ("i0", "i0e", "i1", "i1e", "modified_bessel_k0", "modified_bessel_k1")
_ONE += ("scaled_modified_bessel_k0", "scaled_modified_bessel_k1")
_ONE += ("erfcx", "log_ndtr", "ndtri")
_TWO = ("standard_gamma_slope", "legendre_polynomial_p", "laguerre_polynomial_l")
_TWO += tuple([f"{kind}chebyshev_polynomial_{k}" for kind in ("", "shifted_") for k in "tuvw"])
_TWO += ("hermite_polynomial_h", "hermite_polynomial_he")

SPECIAL = {name: Primitive(name, "special", _infer_same) for name in (*_ONE, *_TWO)}


def special(name: str, *operands: Node) -> Node:
    """A special function of operands of one spec."""
    if len(operands) == 1:
        return unary(SPECIAL[name], operands[0])
    return record(SPECIAL[name], operands, (), (), operands[0].spec)
