"""Anomaly mode: backward says which operation went wrong, and which line of the user's made it."""

from __future__ import annotations

import warnings

from rushlight.tensor import modes


class set_detect_anomaly:  # noqa: N801 - PyTorch's name
    """Switch anomaly mode on or off: at once, and back at the end of a `with` block.

    While it is on, each operation remembers the user's line that recorded it, an error in its
    backward names that line, and with `check_nan` a backward that returns NaN raises RuntimeError.
    Every gradient is computed and looked at on its own, which is slow.
    """

    def __init__(self, mode: bool, check_nan: bool = True):
        self._before = modes.anomaly, modes.anomaly_checks_nan
        modes.anomaly, modes.anomaly_checks_nan = bool(mode), bool(check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        modes.anomaly, modes.anomaly_checks_nan = self._before


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
        modes.anomaly, modes.anomaly_checks_nan = True, self._check_nan

    def __exit__(self, *_: object) -> None:
        modes.anomaly, modes.anomaly_checks_nan = self._before


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on in this thread."""
    return modes.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode, where it is on, looks for NaN."""
    return modes.anomaly_checks_nan
