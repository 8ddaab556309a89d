"""For tests: compare tensors with tolerances of their dtype, make tensors of random numbers."""

from rushlight.testing.comparison import assert_close
from rushlight.testing.creation import make_tensor

__all__ = ["assert_close", "make_tensor"]
