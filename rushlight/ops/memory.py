"""Memory that others share: DLPack, buffers; and questions that have one answer on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.dtypes import as_dtype
from rushlight.graph.dtype import DType, bfloat16
from rushlight.ops.creation import from_numpy
from rushlight.ops.options import finish
from rushlight.tensor import Tensor

_DLPACK_CPU = 1


def __dlpack__(self: Tensor, **options: Any) -> Any:  # noqa: N807 - bound to Tensor
    if self.requires_grad:
        raise BufferError(
            "Can't export tensors that require gradient, use tensor.detach()\nIn __dlpack__."
        )
    options.pop("stream", None)
    return self.numpy().__dlpack__(**options)


def __dlpack_device__(self: Tensor) -> tuple[int, int]:  # noqa: N807
    return _DLPACK_CPU, 0


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor over the memory of another library's array, by the DLPack protocol.

    `ext_tensor` has `__dlpack__`, or is a capsule that such a method returned.  The memory is
    copied when an operation first reads it, if it is writable.

    >>> import numpy, rushlight as rl
    >>> rl.from_dlpack(numpy.arange(3))
    tensor([0, 1, 2])
    """
    if type(ext_tensor).__name__ == "PyCapsule":
        ext_tensor = _Capsule(ext_tensor)
    return from_numpy(np.from_dlpack(ext_tensor))


class _Capsule:
    """A capsule as an object that gives it away."""

    def __init__(self, capsule: Any):
        self._capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return _DLPACK_CPU, 0


def frombuffer(
    buffer: Any,
    *,
    dtype: DType,
    count: int = -1,
    offset: int = 0,
    requires_grad: bool = False,
) -> Tensor:
    """A 1-d tensor over an object's bytes; copied when first read by an operation, if writable.

    ValueError for an empty buffer, an offset outside it, or too few bytes.
    """
    dtype = as_dtype("frombuffer", dtype)
    if dtype is bfloat16:
        raise NotImplementedError("frombuffer: bfloat16 is not built; read int16 and convert")
    array = np.frombuffer(buffer, dtype.storage, count, offset)
    return finish(from_numpy(array), requires_grad)


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Whether each element occurs among the test elements; a sync point."""
    values = [
        x.detach()._values() if isinstance(x, Tensor) else x for x in (elements, test_elements)
    ]
    return from_numpy(np.asarray(np.isin(*values, invert=invert)))


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """The tensor itself: there is no accelerator to pin memory for."""
    return self


def is_pinned(self: Tensor, device: Any = None) -> bool:
    """False: there is no accelerator to pin memory for."""
    return False


def share_memory_(self: Tensor) -> Tensor:
    """The tensor itself; data workers share batches without it."""
    return self


def is_shared(self: Tensor) -> bool:
    """False: tensors live in this process."""
    return False


def get_device(self: Tensor) -> int:
    """-1, as for every tensor on the CPU."""
    return -1


FUNCTIONS = {f.__name__: f for f in (from_dlpack, frombuffer, isin, get_device)}
_METHODS = (__dlpack__, __dlpack_device__, pin_memory, is_pinned, share_memory_, is_shared)
METHODS: dict[str, Any] = {f.__name__: f for f in (*_METHODS, get_device)}
METHODS["is_cpu"] = property(lambda self: True)
