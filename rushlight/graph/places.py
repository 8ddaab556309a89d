"""Where in the user's program something was recorded, read from the stack."""

from __future__ import annotations

import sys
from types import FrameType

from rushlight.graph.node import Origin

LARGE = 64 << 20
"""Values of more bytes remember which line recorded them."""

_OURS, _EXAMPLES = "rushlight.", "rushlight.examples"


def origin_here() -> Origin:
    """The public function that the user called, and the line that called it."""
    frame: FrameType | None = sys._getframe(1)
    operation = "recording"
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith(_OURS) or name.startswith(_EXAMPLES):
            return Origin(operation, f"{frame.f_code.co_filename}:{frame.f_lineno}")
        operation = frame.f_code.co_name.strip("_")
        frame = frame.f_back
    return Origin(operation, "an unknown place")
