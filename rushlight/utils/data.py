"""The names of `rushlight.data`, where PyTorch's users look for them."""

from rushlight.data import *  # noqa: F403 - all of them
from rushlight.data import __all__
