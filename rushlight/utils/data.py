"""The names of `rushlight.data`, where PyTorch's users look for them."""

from rushlight import data as _data
from rushlight.data import *  # noqa: F403 - all of them

__all__ = _data.__all__
