"""`gradcheck` and `gradgradcheck`: gradients against finite differences.

Every tensor is looked at as real numbers (a complex one as pairs), so that a Jacobian is a plain
matrix: one row for each element of an input, one column for each element of an output.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.autograd.backward import grad
from rushlight.autograd.function import Function
from rushlight.autograd.inplace import write_value
from rushlight.autograd.modes import enable_grad, no_grad
from rushlight.graph.dtype import DType, complex128, float64
from rushlight.tensor import Tensor, from_array, node_of

Inputs = Tensor | Sequence[Any]


class GradcheckError(RuntimeError):
    """A gradient does not agree with finite differences, or backward misbehaves."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Inputs,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare gradients of `func(*inputs)` with central differences of step `eps`.

    Checked are all inputs that require grad; they should be float64, and `func` may also read
    them from its surroundings.  More difference than `atol + rtol * |numerical|` raises
    GradcheckError, or gives False if not `raise_exception`.  `fast_mode` is accepted, the whole
    Jacobian is compared all the same; forward-mode and batched checks are a NotImplementedError.

    >>> import rushlight as rl
    >>> x = rl.tensor([0.5, 2.0], dtype=rl.float64, requires_grad=True)
    >>> rl.autograd.gradcheck(lambda x: x * x, x)
    True
    """
    if check_batched_grad or check_batched_forward_grad or check_forward_ad:
        raise NotImplementedError("gradcheck: forward-mode and batched gradients are not built")
    if not check_backward_ad:
        raise ValueError("gradcheck: check_backward_ad=False leaves nothing to check")
    inputs = _as_tuple(inputs)
    check = _Check(func, inputs, eps, atol, rtol, nondet_tol)
    try:
        with enable_grad():
            check.run(check_undefined_grad, check_grad_dtypes)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Inputs,
    grad_outputs: Inputs | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compare gradients of the gradients of `func(*inputs)` with central differences.

    The gradients start from `grad_outputs`, by default fixed pseudo-random numbers.  Everything
    else is as in `gradcheck`.

    >>> import rushlight as rl
    >>> x = rl.tensor([0.5, 2.0], dtype=rl.float64, requires_grad=True)
    >>> rl.autograd.gradgradcheck(lambda x: x * x * x, x)
    True
    """
    if check_fwd_over_rev:
        raise NotImplementedError("gradgradcheck: forward-mode gradients are not built")
    inputs = _as_tuple(inputs)
    if grad_outputs is None:
        with enable_grad():
            outputs = _differentiable(func(*inputs))
        starts = _starting_gradients(outputs, gen_non_contig_grad_outputs)
    else:
        starts = _as_tuple(grad_outputs)
    count = len(inputs)

    def gradients(*values: Any) -> tuple[Tensor, ...]:
        outputs = _differentiable(func(*values[:count]))
        wanted = [value for value in values[:count] if _requires_grad(value)]
        starts = values[count:]
        found = grad(outputs, wanted, starts, create_graph=True, allow_unused=True)
        return tuple(gradient for gradient in found if gradient is not None)

    return gradcheck(
        gradients,
        (*inputs, *starts),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
    )


class _Undefined(Function):
    """Hands its input on, and no gradient back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> None:
        return None


class _Check:
    """One call of gradcheck: the function, its differentiable inputs and the tolerances."""

    def __init__(
        self, func: Callable, inputs: tuple, eps: float, atol: float, rtol: float, nondet: float
    ):
        self.func = func
        self.inputs = inputs
        self.eps, self.atol, self.rtol, self.nondet = eps, atol, rtol, nondet
        self.wanted = [(i, x) for i, x in enumerate(inputs) if _requires_grad(x)]
        _check_inputs(self.wanted)

    def run(self, undefined: bool, dtypes: bool) -> None:
        outputs = _differentiable(self.func(*self.inputs))
        numerical = [self._numerical(tensor, bool(outputs)) for _, tensor in self.wanted]
        if not outputs:
            return self._expect_zero(numerical)
        outputs = _differentiable(self.func(*self.inputs))  # views have got a new history
        for number, output in enumerate(outputs):
            analytical = self._analytical(output, dtypes)
            for (position, _), differences, jacobian in zip(
                self.wanted, numerical, analytical, strict=True
            ):
                expected = differences[number]
                if not np.allclose(jacobian, expected, self.rtol, self.atol):
                    raise GradcheckError(_mismatch(number, position, expected, jacobian))
        self._check_zero_gradient(outputs)
        if undefined:
            self._check_undefined(outputs)
        return None

    def _numerical(self, tensor: Tensor, differentiable: bool) -> list[np.ndarray]:
        """The Jacobians of all outputs for one input, by central differences."""
        before, dtype = node_of(tensor), tensor.dtype
        values = np.array(tensor._values(), (complex128 if dtype.is_complex else float64).compute)
        flat = values.reshape(-1).view(np.float64)
        rows = []
        try:
            for place in range(flat.size):
                kept = flat[place]
                sides = []
                for step in (self.eps, -self.eps):
                    flat[place] = kept + step
                    write_value(tensor, node_of(from_array(_rounded(values, dtype), dtype)))
                    sides.append(self._outputs(differentiable))
                flat[place] = kept
                rows.append([(up - down) / (2 * self.eps) for up, down in zip(*sides, strict=True)])
        finally:
            write_value(tensor, before)
        if not rows:
            return [np.zeros((0, out.size)) for out in self._outputs(differentiable)]
        return [np.stack(columns) for columns in zip(*rows, strict=True)]

    def _outputs(self, differentiable: bool) -> list[np.ndarray]:
        result = self.func(*self.inputs)
        outputs = _differentiable(result) if differentiable else _tensors(result)
        return [_real(output) for output in outputs]

    def _expect_zero(self, numerical: list) -> None:
        for (position, _), jacobians in zip(self.wanted, numerical, strict=True):
            for jacobian in jacobians:
                if not np.allclose(jacobian, 0, self.rtol, self.atol):
                    raise GradcheckError(
                        "Numerical gradient for function expected to be zero\n"
                        f"No output requires grad, but one depends on input {position}."
                    )

    def _analytical(self, output: Tensor, dtypes: bool) -> list[np.ndarray]:
        """The Jacobians of one output for all inputs, a column for each backward."""
        dtype = output.dtype
        start = np.zeros(output.shape, dtype.compute)
        flat = start.reshape(-1).view(_real_type(dtype))
        columns: list[list[np.ndarray]] = [[] for _ in self.wanted]
        for place in range(flat.size):
            flat[place] = 1
            found = self._gradients(output, start, dtypes)
            if not place:
                self._check_reentrant(found, self._gradients(output, start, dtypes))
            flat[place] = 0
            for column, gradient in zip(columns, found, strict=True):
                column.append(gradient)
        sizes = [_real(tensor).size for _, tensor in self.wanted]
        return [
            np.stack(column, 1) if column else np.zeros((size, 0))
            for column, size in zip(columns, sizes, strict=True)
        ]

    def _gradients(self, output: Tensor, start: np.ndarray, dtypes: bool) -> list[np.ndarray]:
        tensors = [tensor for _, tensor in self.wanted]
        begin = from_array(start, output.dtype)
        found = grad(output, tensors, begin, retain_graph=True, allow_unused=True)
        result = []
        for gradient, tensor in zip(found, tensors, strict=True):
            if gradient is None:
                result.append(np.zeros(_real(tensor).size))
                continue
            if gradient.shape != tensor.shape:
                raise GradcheckError("Analytical gradient has incorrect size")
            if dtypes and gradient.dtype is not tensor.dtype:
                raise GradcheckError("Backward generated gradient of another dtype than its input")
            result.append(_real(gradient))
        return result

    def _check_reentrant(self, first: list, second: list) -> None:
        for a, b in zip(first, second, strict=True):
            if not np.allclose(a, b, 0, self.nondet, equal_nan=True):
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and "
                    "grad_output multiple times gives different values, although analytical "
                    "gradient matches numerical gradient. The tolerance for nondeterminism was "
                    f"{self.nondet}."
                )

    def _check_zero_gradient(self, outputs: list[Tensor]) -> None:
        tensors = [tensor for _, tensor in self.wanted]
        starts = [from_array(np.zeros(out.shape, out.dtype.compute), out.dtype) for out in outputs]
        found = grad(outputs, tensors, starts, retain_graph=True, allow_unused=True)
        for gradient in found:
            if gradient is not None and _real(gradient).any():
                raise GradcheckError("backward not multiplied by grad_output")

    def _check_undefined(self, outputs: list[Tensor]) -> None:
        """Backward must do with gradients that are missing, all of them or one at a time."""
        choices = [range(len(outputs))]
        if len(outputs) > 1:
            choices += [[position] for position in range(len(outputs))]
        tensors = [tensor for _, tensor in self.wanted]
        for missing in choices:
            outputs = _differentiable(self.func(*self.inputs))
            starts = [from_array(np.zeros(o.shape, o.dtype.compute), o.dtype) for o in outputs]
            for position in missing:
                outputs[position] = _Undefined.apply(outputs[position])
            try:
                found = grad(outputs, tensors, starts, allow_unused=True)
            except RuntimeError as error:
                raise GradcheckError(
                    "Expected backward function to handle undefined output grads."
                ) from error
            for gradient in found:
                if gradient is not None and _real(gradient).any():
                    raise GradcheckError(
                        "Expected all input grads to be undefined or zero when all output grads "
                        "are undefined or zero."
                    )


def _check_inputs(wanted: list[tuple[int, Tensor]]) -> None:
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the "
            "them have requires_grad=True."
        )
    for position, tensor in wanted:
        if tensor.dtype not in (float64, complex128):
            warnings.warn(
                f"Input #{position} requires gradient and is not a double precision floating "
                "point or complex. This check will likely fail if all the inputs are not of "
                "double precision floating point or complex.",
                stacklevel=4,
            )
        strides = zip(tensor.shape, tensor.stride(), strict=True)
        if any(step == 0 and size > 1 for size, step in strides):
            raise RuntimeError(
                f"The {position}th input has a dimension with stride 0. gradcheck only supports "
                "inputs that are non-overlapping to be able to compute the numerical gradients "
                "correctly. You should call .contiguous on the input before passing it to "
                "gradcheck."
            )


def _mismatch(output: int, position: int, numerical: np.ndarray, analytical: np.ndarray) -> str:
    return (
        f"Jacobian mismatch for output {output} with respect to input {position},\n"
        f"numerical:{numerical}\nanalytical:{analytical}\n"
    )


def _as_tuple(inputs: Inputs) -> tuple:
    return tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)


def _requires_grad(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _tensors(result: Any) -> list[Tensor]:
    return [output for output in _as_tuple(result) if isinstance(output, Tensor)]


def _differentiable(result: Any) -> list[Tensor]:
    return [output for output in _tensors(result) if output.requires_grad]


def _real_type(dtype: DType) -> np.dtype:
    return np.empty(0, dtype.compute).real.dtype


def _real(tensor: Tensor) -> np.ndarray:
    """The values as one row of real numbers in float64."""
    with no_grad():
        values = np.ascontiguousarray(tensor._values()).reshape(-1)
    return values.view(_real_type(tensor.dtype)).astype(np.float64)


def _rounded(values: np.ndarray, dtype: DType) -> np.ndarray:
    return values if values.dtype == dtype.compute else values.astype(dtype.compute)


def _starting_gradients(outputs: list[Tensor], with_gaps: bool) -> tuple[Tensor, ...]:
    random = np.random.default_rng(0)
    starts = []
    for output in outputs:
        dtype = complex128 if output.dtype.is_complex else output.dtype
        shape = (*output.shape, 2) if with_gaps else output.shape
        values = random.uniform(-1, 1, shape)
        if dtype.is_complex:
            values = values + 1j * random.uniform(-1, 1, shape)
        start = from_array(_rounded(values, output.dtype), output.dtype)
        start = start.select(-1, 0).detach() if with_gaps else start
        starts.append(start.requires_grad_())
    return tuple(starts)
