"""The command ``python -m rushlight.torch``."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from collections import defaultdict

from rushlight.torch import Missing, find_missing, install


def main(arguments: list[str] | None = None) -> int:
    """Run the program that the arguments name; 2 if it uses names that are missing."""
    parser = argparse.ArgumentParser(
        prog="python -m rushlight.torch",
        description="Run a program written for PyTorch on Rushlight.",
    )
    parser.add_argument("--check", action="store_true", help="only list names that are missing")
    parser.add_argument("--anyway", action="store_true", help="run it although names are missing")
    parser.add_argument("script", help="the program, a Python file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    chosen = parser.parse_args(arguments)
    if not os.path.isfile(chosen.script):
        parser.error(f"there is no file {chosen.script!r}")
    install()
    sys.argv = [chosen.script, *chosen.arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(chosen.script))
    sys.path.insert(1, os.path.join(os.path.dirname(__file__), "answer"))  # for other processes
    missing = [] if chosen.anyway else find_missing(chosen.script)
    if missing:
        sys.stderr.write(report(chosen.script, missing))
        return 2
    if not chosen.check:
        runpy.run_path(chosen.script, run_name="__main__")
    return 0


def report(script: str, missing: list[Missing]) -> str:
    """All names that are missing, each with the places where it is used."""
    places = defaultdict(list)
    for name, file, line in missing:
        places[name].append(f"{os.path.basename(file)}:{line}")
    width = max(map(len, places))
    rows = [f"  {name:{width}}  {', '.join(places[name])}\n" for name in sorted(places)]
    return (
        f"{script} uses {len(places)} names that Rushlight lacks:\n{''.join(rows)}"
        "docs/differences.md says what is not built, and what there is instead. With --anyway the "
        "program runs until it comes to the first of them.\n"
    )


if __name__ == "__main__":
    raise SystemExit(main())
