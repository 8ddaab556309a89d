r"""Programs written for PyTorch, run on Rushlight: ``python -m rushlight.torch script.py ...``.

`import torch` and `import torchvision` are answered by Rushlight, in the program and in the
modules beside it; neither package need be installed.  The program sees a machine without a GPU:
`torch.cuda.is_available()` is False, `torch.compile` returns what it is given, `DataParallel`
wraps plainly.  Before it runs, its source is read for names of torch and torchvision that
Rushlight lacks, and all of them are listed at once.

From Python, `install()` does the first and `find_missing(path)` the second.

>>> import io, rushlight.torch
>>> rushlight.torch.find_missing_in("import torch\nx = torch.nonesuch(torch.ones(2))")
[Missing(name='torch.nonesuch', file='<text>', line=2)]
"""

from rushlight.torch.finder import install
from rushlight.torch.scan import Missing, find_missing, find_missing_in

__all__ = ["Missing", "find_missing", "find_missing_in", "install"]
