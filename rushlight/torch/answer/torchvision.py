"""Stands in for torchvision where a process begins without the finder; see torch.py beside it."""

import sys

from rushlight.torch.finder import install

del sys.modules["torchvision"]
install()
import torchvision  # noqa: E402, F401 - the one that Rushlight answers with
