"""Pass 4: a kernel becomes code, in the form of loops that fits it."""

from __future__ import annotations

from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.kernel import Kernel
from rushlight.engines.cpu.loops import Columns, Form, Map
from rushlight.engines.cpu.rows import PartialRows, Rows
from rushlight.engines.cpu.running_values import Running
from rushlight.engines.cpu.scatter import Scatter

FORMS: dict[str, type[Form]] = {
    "map": Map,
    "rows": Rows,
    "partial_rows": PartialRows,
    "columns": Columns,
    "scatter": Scatter,
    "running": Running,
}


def emit_kernel(f: Function, kernel: Kernel) -> None:
    """Write the code of a kernel."""
    FORMS[kernel.form](f, kernel).emit()
