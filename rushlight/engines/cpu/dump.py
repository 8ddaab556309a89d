"""What the compiler does, stage by stage, for a reader: the environment variable `RUSHLIGHT_DUMP`.

    RUSHLIGHT_DUMP=1                          every stage, on stderr
    RUSHLIGHT_DUMP=graph,kernels              some of them
    RUSHLIGHT_DUMP=plan,ir,/tmp/pictures      into files of a folder, one or two a program

The stages are `graph` (as recorded, and what became of it), `groups` (what is computed together),
`kernels` (each one's loops and steps), `plan` (the order of steps, and memory), `ir` (LLVM's
text of kernels that are new) and `asm` (what LLVM made of it for this processor).
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rushlight.engines.cpu import pictures
from rushlight.engines.cpu.plan import Plan
from rushlight.graph.program import Graph

STAGES = ("graph", "groups", "kernels", "plan", "ir", "asm")
_numbers = itertools.count(1)


def stages() -> tuple[str, ...]:
    """The stages that RUSHLIGHT_DUMP asks for; all if it names none."""
    asked = os.environ.get("RUSHLIGHT_DUMP", "0")
    if asked in ("", "0"):
        return ()
    return tuple([stage for stage in STAGES if stage in asked.split(",")]) or STAGES


def folder() -> Path | None:
    """The folder that it names; None for stderr."""
    for part in os.environ.get("RUSHLIGHT_DUMP", "0").split(","):
        if part not in (*STAGES, "", "0", "1", "all"):
            return Path(part)
    return None


def show_plan(recorded: Graph, plan: Plan) -> None:
    """Tell of everything up to the plan."""
    wanted = stages()
    steps = "\n".join([f"step {i} is {pictures.step_text(s)}" for i, s in enumerate(plan.steps)])
    texts = {
        "graph": _graph_text(recorded, plan),
        "groups": f"{pictures.groups_text(plan)}\nsizes:\n{pictures.sizes_text(plan)}",
        "kernels": steps,
        "plan": pictures.plan_text(plan),
    }
    _write("program", {stage: text for stage, text in texts.items() if stage in wanted})


def show_code(requests: list[tuple[Any, Callable]]) -> None:
    """Tell of the code of kernels that a program asks for."""
    from rushlight.engines.cpu.build import assembly, module_text

    wanted, texts = stages(), {}
    if "ir" in wanted or "asm" in wanted:
        codes = [module_text(emit) for emit in dict(requests).values()]
        if "ir" in wanted:
            texts["ir"] = "\n".join(codes)
        if "asm" in wanted:
            texts["asm"] = "\n".join([assembly(code) for code in codes])
    _write("code", texts)


def _graph_text(recorded: Graph, plan: Plan) -> str:
    """The recorded graph, and the normalised one if it is another."""
    before, after = str(recorded), str(plan.fusion.graph)
    return before if before == after else f"{before}\nafter normalising:\n{after}"


def _write(kind: str, texts: dict[str, str]) -> None:
    """Print, or make a file of its own."""
    if not texts:
        return
    text = "\n".join([f"==== {stage}\n{body}" for stage, body in texts.items()]) + "\n"
    place = folder()
    if place is None:
        sys.stderr.write(text)
        return
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{kind}-{os.getpid()}-{next(_numbers)}.txt").write_text(text)
