"""How the primitives of special functions compute: in double precision, rounded once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from rushlight.engines.reference import bessel, normal
from rushlight.engines.reference.airy import airy_ai
from rushlight.engines.reference.gamma_slope import standard_gamma_slope
from rushlight.engines.reference.polynomials import POLYNOMIALS
from rushlight.engines.reference.rounding import Rule, widened
from rushlight.graph.node import Primitive
from rushlight.graph.special import SPECIAL

_FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "airy_ai": airy_ai,
    "bessel_j0": partial(bessel.bessel_j, 0),
    "bessel_j1": partial(bessel.bessel_j, 1),
    "bessel_y0": partial(bessel.bessel_y, 0),
    "bessel_y1": partial(bessel.bessel_y, 1),
    "spherical_bessel_j0": bessel.spherical_bessel_j0,
    "i0": partial(bessel.bessel_i, 0),
    "i1": partial(bessel.bessel_i, 1),
    "i0e": partial(bessel.scaled_bessel_i, 0),
    "i1e": partial(bessel.scaled_bessel_i, 1),
    "modified_bessel_k0": partial(bessel.bessel_k, 0),
    "modified_bessel_k1": partial(bessel.bessel_k, 1),
    "scaled_modified_bessel_k0": partial(bessel.scaled_bessel_k, 0),
    "scaled_modified_bessel_k1": partial(bessel.scaled_bessel_k, 1),
    "erfcx": normal.erfcx,
    "log_ndtr": normal.log_ndtr,
    "ndtri": normal.ndtri,
    "standard_gamma_slope": standard_gamma_slope,
    **POLYNOMIALS,
}


def _rule(function: Callable[..., np.ndarray]) -> Rule:
    def rule(arrays, attributes, numbers, spec):
        return function(*[np.asarray(widened(x)) for x in arrays])

    return rule


RULES: dict[Primitive, Rule] = {SPECIAL[name]: _rule(f) for name, f in _FUNCTIONS.items()}
