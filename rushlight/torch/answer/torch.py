"""Stands in for torch where a process begins without the finder, such as a data worker.

`python -m rushlight.torch` puts this folder on the path, which processes of `multiprocessing`
are given.  The module installs the finder, and is replaced by what that answers.
"""

import sys

from rushlight.torch.finder import install

del sys.modules["torch"]
install()
import torch  # noqa: E402, F401 - the one that Rushlight answers with
