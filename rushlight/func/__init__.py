"""Transforms of functions: derivatives and vectorised forms of them, which nest in each other.

>>> import rushlight as rl
>>> cube = lambda x: x * x * x
>>> rl.func.grad(rl.func.grad(cube))(rl.tensor(2.0))
tensor(12.)
>>> rl.func.vmap(rl.func.grad(cube))(rl.tensor([1.0, 2.0, 3.0]))
tensor([ 3., 12., 27.])
"""

from __future__ import annotations

from rushlight.func.derivatives import grad, grad_and_value, jvp, linearize, vjp
from rushlight.func.jacobians import hessian, jacfwd, jacrev
from rushlight.func.modules import (
    functional_call,
    replace_all_batch_norm_modules_,
    stack_module_state,
)
from rushlight.func.vmap import vmap

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]
