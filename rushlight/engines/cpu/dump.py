"""Pictures of what the compiler does, for a reader: `RUSHLIGHT_DUMP=1`, or a folder's name.

Every program that is planned prints its recorded graph, the normalised one, its steps with their
kernels and the memory that they read and write, and, the first time that it is compiled, the LLVM
IR of each kernel.  With a folder's name each program becomes a file there.
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from typing import Any

from rushlight.engines.cpu.plan import HostStep, NativeStep, Plan
from rushlight.graph.program import Graph

_numbers = itertools.count(1)


def is_wanted() -> bool:
    """Whether RUSHLIGHT_DUMP asks for text."""
    return os.environ.get("RUSHLIGHT_DUMP", "0") not in ("", "0")


def plan_text(recorded: Graph, plan: Plan) -> str:
    """Every stage of planning as text."""
    places = ", ".join([f"{name} in {place}" for name, place in plan.places.items()])
    inherited = ", ".join([f"%{value} over %{leaf}" for value, leaf in plan.inherited.items()])
    return "\n".join(
        [
            _headed("recorded graph", recorded),
            _headed("normalised graph", plan.fusion.graph),
            _headed("sizes in atoms", sizes_text(plan)),
            *[_headed(f"step {i}", step_text(step)) for i, step in enumerate(plan.steps)],
            _headed("memory", f"temporaries: {places or 'none'}\nin place: {inherited or 'none'}"),
        ]
    )


def _headed(title: str, body: Any) -> str:
    return f"---- {title}\n{body}"


def sizes_text(plan: Plan) -> str:
    """The dimensions of every value in atoms."""
    axes = plan.fusion.sizes.axes
    return "\n".join([f"%{i}: {list(map(list, value))}" for i, value in enumerate(axes)])


def step_text(step: Any) -> str:
    """One step of a plan."""
    if isinstance(step, HostStep) and step.loop is not None:
        return f"scan: {_names(step.writes)} from {_names(step.reads)}\n{step.loop.graph}"
    if isinstance(step, HostStep):
        return f"host: %{step.value} from {_names(step.reads)}"
    head = f"reads {_names(step.reads)}, writes {_names(step.writes)}"
    body = step.kernel if isinstance(step, NativeStep) else f"crafted {step.family}"
    slots = "\n".join([f"  slot {i}: {filler}" for i, filler in enumerate(step.fillers)])
    return f"{head}\n{body}\n{slots}"


def _names(storages: tuple) -> str:
    return ", ".join([f"%{s}" if isinstance(s, int) else str(s) for s in storages]) or "nothing"


def write(text: str) -> None:
    """Print a program's text, or put it into the folder that RUSHLIGHT_DUMP names."""
    place = os.environ.get("RUSHLIGHT_DUMP", "0")
    if place == "1":
        sys.stderr.write(text + "\n")
        return
    folder = Path(place)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"program-{os.getpid()}-{next(_numbers)}.txt").write_text(text + "\n")
