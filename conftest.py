"""What every docstring's example may take for granted: the imports a program begins with."""

import pytest
from _pytest.doctest import DoctestItem

# These stand in for torch in processes of their own, and would here too.
collect_ignore_glob = ["rushlight/torch/answer/*"]


@pytest.fixture(autouse=True)
def usual_imports(request, doctest_namespace):
    if isinstance(request.node, DoctestItem):
        import numpy as np

        import rushlight as rl
        import rushlight.nn.functional as F
        from rushlight import nn, optim

        doctest_namespace.update(np=np, rl=rl, nn=nn, optim=optim, F=F)
