"""Memory shared with other libraries as DLPack capsules, the older form of the protocol.

>>> import rushlight as rl
>>> from rushlight.utils.dlpack import from_dlpack, to_dlpack
>>> from_dlpack(to_dlpack(rl.arange(3)))
tensor([0, 1, 2])
"""

from __future__ import annotations

from typing import Any

from rushlight.ops.memory import from_dlpack
from rushlight.tensor import Tensor

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule of the tensor's memory, to be consumed once; BufferError if it requires grad."""
    return tensor.__dlpack__()
