"""Whether operations are recorded for backward: no_grad, enable_grad, inference_mode."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from rushlight.tensor import modes


class _Mode:
    """A context manager that is also a decorator, of functions and of generators."""

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, *_: object) -> None:
        raise NotImplementedError

    def _again(self) -> _Mode:
        return type(self)()

    def __call__(self, function: Callable) -> Callable:
        """Run the function, or each step of a generator, in this mode."""
        if inspect.isclass(function):
            raise TypeError(f"Expected a function to decorate.\nActual: class {function}.")
        if inspect.isgeneratorfunction(function):
            return self._wrap_generator(function)

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return inside

    def _wrap_generator(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            step, value = generator.send, None
            try:
                while True:
                    with self._again():
                        produced = step(value)
                    try:
                        step, value = generator.send, (yield produced)
                    except GeneratorExit:
                        raise
                    except BaseException as error:  # noqa: BLE001 - the generator's to handle
                        step, value = generator.throw, error
            except StopIteration as end:
                return end.value
            finally:
                with self._again():
                    generator.close()

        return inside


class set_grad_enabled(_Mode):  # noqa: N801 - PyTorch's name
    """Switch gradient recording on or off: at once, and back at the end of a `with` block."""

    def __init__(self, mode: bool):
        self._before = modes.grad
        self._mode = bool(mode)
        modes.grad = self._mode

    def __enter__(self) -> None:
        modes.grad = self._mode

    def __exit__(self, *_: object) -> None:
        modes.grad = self._before

    def _again(self) -> _Mode:
        return set_grad_enabled(self._mode)

    def __call__(self, function: Callable) -> Callable:
        """Decorate: the mode holds inside the function only."""
        modes.grad = self._before
        return super().__call__(function)


class _Fixed(_Mode):
    mode = False

    def __new__(cls, function: Callable | None = None) -> Any:
        instance = super().__new__(cls)
        return instance if function is None else instance(function)

    def __enter__(self) -> None:
        self._before = modes.grad
        modes.grad = self.mode

    def __exit__(self, *_: object) -> None:
        modes.grad = self._before


class no_grad(_Fixed):  # noqa: N801 - PyTorch's name
    """Do not record for backward: a `with` block or a decorator, with or without brackets.

    >>> import rushlight as rl
    >>> x = rl.ones(2, requires_grad=True)
    >>> with rl.no_grad():
    ...     (x * 2).requires_grad
    False
    """


class enable_grad(_Fixed):  # noqa: N801 - PyTorch's name
    """Record for backward, also inside `no_grad`."""

    mode = True


class inference_mode(_Mode):  # noqa: N801 - PyTorch's name
    """`no_grad`, and a promise that the results take no part in autograd later."""

    def __new__(cls, mode: bool | Callable = True) -> Any:  # noqa: D102
        instance = super().__new__(cls)
        if callable(mode):
            instance._mode = True
            return instance(mode)
        instance._mode = mode
        return instance

    def __enter__(self) -> None:
        self._before = modes.grad, modes.inference
        if self._mode:
            modes.grad, modes.inference = False, True
        else:
            modes.inference = False

    def __exit__(self, *_: object) -> None:
        modes.grad, modes.inference = self._before

    def _again(self) -> _Mode:
        return inference_mode(self._mode)


def is_grad_enabled() -> bool:
    """Whether operations are recorded for backward in this thread."""
    return modes.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is in inference mode."""
    return modes.inference
