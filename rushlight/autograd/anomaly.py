"""Anomaly mode: backward says which operation went wrong, and which line of the user's made it."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from rushlight.autograd.node import GradNode
from rushlight.autograd.operation import caller
from rushlight.graph.batched import all_samples
from rushlight.tensor import Tensor, modes, node_of, wrap

_NO_ORIGIN = (
    "No forward pass information available. Enable detect anomaly during forward pass for more "
    "information."
)


class set_detect_anomaly:  # noqa: N801 - PyTorch's name
    """Switch anomaly mode on or off: at once, and back at the end of a `with` block.

    While it is on, each operation remembers the user's line that recorded it, an error in its
    backward names that line, and with `check_nan` a backward that returns NaN raises RuntimeError.
    Every gradient is computed and looked at on its own, which is slow.
    """

    def __init__(self, mode: bool, check_nan: bool = True):
        self._before = modes.anomaly, modes.anomaly_checks_nan
        _switch(bool(mode), bool(check_nan))

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        _switch(*self._before)


class detect_anomaly:  # noqa: N801 - PyTorch's name
    """A `with` block in which anomaly mode is on, as `set_detect_anomaly` describes it.

    >>> import rushlight as rl
    >>> x = rl.tensor([0.0], requires_grad=True)
    >>> with rl.autograd.detect_anomaly():
    ...     (x.sqrt() * 0).sum().backward()
    Traceback (most recent call last):
    RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output. ...
    """

    def __init__(self, check_nan: bool = True):
        self._check_nan = bool(check_nan)
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self._before = modes.anomaly, modes.anomaly_checks_nan
        _switch(True, self._check_nan)

    def __exit__(self, *_: object) -> None:
        _switch(*self._before)


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on in this thread."""
    return modes.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode, where it is on, looks for NaN."""
    return modes.anomaly_checks_nan


def _switch(on: bool, check_nan: bool) -> None:
    modes.anomaly, modes.anomaly_checks_nan = on, check_nan
    others = [watcher for watcher in modes.watchers if watcher is not _note_origin]
    modes.watchers = (_note_origin, *others) if on else tuple(others)


def _note_origin(node: GradNode) -> None:
    node.origin = caller()


def watched(node: GradNode, run: Callable[[tuple], tuple]) -> Callable[[tuple], tuple]:
    """A node's backward with anomaly mode's checks around it."""
    made = f"It was recorded at {node.origin}." if node.origin else _NO_ORIGIN

    def checked(grads: tuple) -> tuple:
        try:
            results = run(grads)
            found = _find_nan(results) if modes.anomaly_checks_nan else None
        except Exception as error:
            error.add_note(f"Error detected in {node.name()}. {made}")
            raise
        if found is not None:
            raise RuntimeError(
                f"Function '{node.name()}' returned nan values in its {found}th output. {made}"
            )
        return results

    return checked


def _find_nan(results: tuple) -> int | None:
    for position, grad in enumerate(results):
        if isinstance(grad, Tensor):
            every = wrap(all_samples(node_of(grad)))
            if bool((every != every).any()):
                return position
    return None
