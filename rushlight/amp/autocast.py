"""`autocast`: matrix products in bfloat16 or float16, losses in float32, the rest as it comes."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from rushlight.graph.dtype import DType, bfloat16, float16
from rushlight.ops.autocast import Casting
from rushlight.tensor import modes

_DEVICES = ("cpu", "cuda", "mps", "xpu")


def _check_device(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if device_type.split(":")[0] not in _DEVICES:
        raise RuntimeError(
            f"Expected one of {', '.join(_DEVICES)} device type at start of device string: "
            f"{device_type}"
        )


class autocast:  # noqa: N801 - PyTorch's name
    """A `with` block or decorator in which operations choose their dtypes.

    Matrix products, convolutions and attention cast their float32 operands to `dtype` (bfloat16,
    or float16); losses and some others cast to float32; the rest computes in the dtype that comes.
    Casts of parameters are kept until the block ends, unless `cache_enabled` is False.  Gradients
    arrive in the parameters' own dtype.  With `enabled=False` operations are left alone, also
    inside another block.

    >>> import rushlight as rl
    >>> weight = rl.ones(2, 2, requires_grad=True)
    >>> with rl.autocast("cpu", dtype=rl.bfloat16):
    ...     product = rl.ones(1, 2) @ weight
    >>> product.dtype
    rushlight.bfloat16
    >>> product.sum().backward()
    >>> weight.grad.dtype
    rushlight.float32
    """

    def __init__(
        self,
        device_type: str,
        dtype: DType | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ):
        _check_device(device_type)
        dtype = bfloat16 if dtype is None else dtype
        self.device = device_type
        self.fast_dtype = dtype
        self._enabled = bool(enabled)
        self._cache_enabled = cache_enabled is None or bool(cache_enabled)
        self._before: list[Casting | None] = []
        if not device_type.startswith("cpu"):
            _warn(f"User provided device_type of '{device_type}', but it is not available.")
            self._enabled = False
        elif self._enabled and dtype not in (bfloat16, float16):
            words = "In CPU autocast, but the target dtype is not supported. CPU Autocast only "
            _warn(f"{words}supports dtype of rushlight.bfloat16, rushlight.float16 currently.")
            self._enabled = False

    def __enter__(self) -> autocast:
        self._before.append(modes.autocast)
        casting = Casting(self.fast_dtype, self._cache_enabled) if self._enabled else None
        outer = modes.autocast
        if casting and outer and outer.dtype is casting.dtype:
            casting.cached = outer.cached
        modes.autocast = casting
        return self

    def __exit__(self, *_: object) -> None:
        modes.autocast = self._before.pop()

    def __call__(self, function: Callable) -> Callable:
        """Run the function in a block of its own each time."""

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside


def _warn(words: str) -> None:
    warnings.warn(f"{words} Disabling autocast.", UserWarning, stacklevel=3)


def is_autocast_available(device_type: str) -> bool:
    """Whether `autocast` can be on for a kind of device."""
    _check_device(device_type)
    return device_type == "cpu"


def is_autocast_enabled(device_type: str = "cpu") -> bool:
    """Whether `autocast` is on.

    >>> import rushlight as rl
    >>> with rl.autocast("cpu"):
    ...     rl.is_autocast_enabled("cpu")
    True
    """
    return is_autocast_available(device_type) and modes.autocast is not None


def get_autocast_dtype(device_type: str = "cpu") -> DType:
    """The dtype of the `autocast` that is on; bfloat16 if none is."""
    _check_device(device_type)
    return modes.autocast.dtype if modes.autocast else bfloat16


def is_autocast_cache_enabled() -> bool:
    """Whether casts of parameters are kept."""
    return modes.autocast is None or modes.autocast.is_caching


def clear_autocast_cache() -> None:
    """Forget the casts that are kept."""
    if modes.autocast is not None:
        modes.autocast.cached.clear()


def custom_fwd(
    fwd: Callable | None = None, *, device_type: str = "cpu", cast_inputs: DType | None = None
) -> Callable:
    """Decorate the forward of a `Function`: `custom_bwd` then runs backward in the same mode.

    With `cast_inputs`, tensors of floats are cast to it and `autocast` is off inside.
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorated(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        casting = modes.autocast
        ctx._autocast = casting
        if cast_inputs is None or casting is None:
            return fwd(ctx, *args, **kwargs)
        plain = Casting(cast_inputs, is_caching=False)
        args = tuple([plain.cast(value, cast_inputs) for value in args])
        kwargs = {name: plain.cast(value, cast_inputs) for name, value in kwargs.items()}
        ctx._autocast = modes.autocast = None
        try:
            return fwd(ctx, *args, **kwargs)
        finally:
            modes.autocast = casting

    return decorated


def custom_bwd(bwd: Callable | None = None, *, device_type: str = "cpu") -> Callable:
    """Decorate the backward of a `Function` whose forward has `custom_fwd`."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        before, casting = modes.autocast, ctx._autocast
        modes.autocast = Casting(casting.dtype, is_caching=False) if casting else None
        try:
            return bwd(ctx, *args, **kwargs)
        finally:
            modes.autocast = before

    return decorated
