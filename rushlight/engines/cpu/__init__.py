"""The CPU engine: a tensor compiler in Python on LLVM.  `README.md` names the passes in order."""

from rushlight.engines.cpu.program import ENGINE
