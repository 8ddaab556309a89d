"""A second process that keeps one core busy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

_PROGRAM = """
import os, sys
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {int(sys.argv[1])})
while True:
    pass
"""


class Neighbour:
    """Busy between `go_on` and `stop`; it ends with the `with` block."""

    def __init__(self, core: int):
        self.process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(core)])
        self.stop()

    def go_on(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)
        time.sleep(0.05)

    def stop(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def __enter__(self) -> Neighbour:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait()
