"""The framework that this process times: the one name in which the programs differ.

`BENCHMARK_FRAMEWORK=torch` chooses PyTorch; the default is Rushlight.  Modules, functions and
optimisers have the same names in both, so the networks beside this file are written once.
"""

from __future__ import annotations

import importlib
import os

name = os.environ.get("BENCHMARK_FRAMEWORK", "rushlight")
framework = importlib.import_module(name)
nn = importlib.import_module(f"{name}.nn")
F = importlib.import_module(f"{name}.nn.functional")
optim = importlib.import_module(f"{name}.optim")
