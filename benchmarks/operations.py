"""Single operations beside PyTorch, at three sizes: medians and their ratio, the slowest first.

    python benchmarks/operations.py                       # every operation
    python benchmarks/operations.py softmax sum           # those whose names begin so
    python benchmarks/operations.py --torch-python PATH   # the Python that has PyTorch
    python benchmarks/operations.py --table operations.md

Each side is a process of its own; they take turns, operation by operation, on the same cores.
Rushlight's time includes recording the operation, finding its program and handing out its result.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIDES = ("rushlight", "torch")
SIZES = {"small": (32, 256), "middle": (512, 1024), "large": (2048, 1024)}
SLICE_SECONDS = 0.02
PAUSE_SECONDS = 0.008
"""The other side's idle threads stop spinning."""

Make = Callable[[Any, int, int], tuple]
Run = Callable[..., Any]


def plain(lib: Any, rows: int, columns: int) -> tuple:
    """One matrix."""
    return (lib.rand(rows, columns),)


def of_dtype(dtype: str, count: int = 1) -> Make:
    """Matrices of another dtype."""
    return lambda lib, rows, columns: tuple(
        [lib.rand(rows, columns).to(getattr(lib, dtype)) for _ in range(count)]
    )


def shaped(*shapes: Callable[[int, int], tuple]) -> Make:
    """Tensors of shapes that follow from the rows and columns."""
    return lambda lib, rows, columns: tuple([lib.rand(*of(rows, columns)) for of in shapes])


def long_rows(lib: Any, rows: int, columns: int) -> tuple:
    """The same number of elements in four rows."""
    return (lib.rand(4, rows * columns // 4),)


def images(lib: Any, rows: int, columns: int) -> tuple:
    """As many elements as 64 channels of 16 x 16 or 32 x 32 pixels."""
    side = 16 if rows * columns < 100_000 else 32
    return (lib.rand(max(1, rows * columns // (64 * side * side)), 64, side, side),)


def with_places(lib: Any, rows: int, columns: int) -> tuple:
    """A matrix, and places among its rows."""
    return lib.rand(rows, columns), lib.randint(0, rows, (rows,))


def along(lib: Any, rows: int, columns: int) -> tuple:
    """A matrix, and for each element a place along its row."""
    return lib.rand(rows, columns), lib.randint(0, columns, (rows, columns))


def whole(lib: Any, rows: int, columns: int) -> tuple:
    """A matrix of integers."""
    return (lib.randint(1, 1000, (rows, columns)),)


def square(rows: int, columns: int) -> tuple:
    """A square of about as much work."""
    return (min(columns, 1024),) * 2


def products(dtype: str) -> Make:
    """A matrix and a square one."""
    return lambda lib, rows, columns: (
        lib.rand(min(rows, 1024), columns).to(getattr(lib, dtype)),
        lib.rand(columns, min(columns, 1024)).to(getattr(lib, dtype)),
    )


def _layer_norm(lib: Any, f: Any, x: Any) -> Any:
    return f.layer_norm(x, (x.shape[-1],))


def _loss(lib: Any, f: Any, x: Any, places: Any) -> Any:
    return f.cross_entropy(x, places % 256)


OPERATIONS: dict[str, tuple[Make, Run]] = {
    "add": (of_dtype("float32", 2), lambda lib, f, x, y: x + y),
    "exp": (plain, lambda lib, f, x: x.exp()),
    "log": (plain, lambda lib, f, x: x.log()),
    "tanh": (plain, lambda lib, f, x: x.tanh()),
    "gelu": (plain, lambda lib, f, x: f.gelu(x)),
    "sigmoid": (plain, lambda lib, f, x: x.sigmoid()),
    "sin": (plain, lambda lib, f, x: x.sin()),
    "pow": (plain, lambda lib, f, x: x**2.3),
    "where": (plain, lambda lib, f, x: lib.where(x > 0.5, x, -x)),
    "erfinv": (plain, lambda lib, f, x: x.erfinv()),
    "lgamma": (plain, lambda lib, f, x: x.lgamma()),
    "remainder of integers": (whole, lambda lib, f, x: x % 7),
    "float64 exp": (of_dtype("float64"), lambda lib, f, x: x.exp()),
    "float64 sin": (of_dtype("float64"), lambda lib, f, x: x.sin()),
    "sum of all": (plain, lambda lib, f, x: x.sum()),
    "sum of rows": (plain, lambda lib, f, x: x.sum(1)),
    "sum of columns": (plain, lambda lib, f, x: x.sum(0)),
    "sum of channels": (images, lambda lib, f, x: x.sum((0, 2, 3))),
    "sum in the middle": (images, lambda lib, f, x: x.sum(1)),
    "max of rows": (plain, lambda lib, f, x: x.amax(1)),
    "argmax of rows": (plain, lambda lib, f, x: x.argmax(1)),
    "argmax of columns": (plain, lambda lib, f, x: x.argmax(0)),
    "variance of rows": (plain, lambda lib, f, x: x.var(1)),
    "softmax": (plain, lambda lib, f, x: x.softmax(-1)),
    "log_softmax": (plain, lambda lib, f, x: x.log_softmax(-1)),
    "layer_norm": (plain, _layer_norm),
    "batch_norm": (images, lambda lib, f, x: f.batch_norm(x, None, None, training=True)),
    "cross_entropy": (with_places, _loss),
    "cumsum of rows": (plain, lambda lib, f, x: x.cumsum(1)),
    "cumsum of columns": (plain, lambda lib, f, x: x.cumsum(0)),
    "softmax of long rows": (long_rows, lambda lib, f, x: x.softmax(-1)),
    "layer_norm of long rows": (long_rows, _layer_norm),
    "argmax of long rows": (long_rows, lambda lib, f, x: x.argmax(-1)),
    "sum of long rows": (long_rows, lambda lib, f, x: x.sum(-1)),
    "transpose": (plain, lambda lib, f, x: x.t().contiguous()),
    "channels last": (images, lambda lib, f, x: x.permute(0, 2, 3, 1).contiguous()),
    "channels first": (images, lambda lib, f, x: x.permute(0, 3, 1, 2).contiguous()),
    "cat": (of_dtype("float32", 2), lambda lib, f, x, y: lib.cat([x, y], 1)),
    "flip": (plain, lambda lib, f, x: x.flip(1)),
    "pad": (images, lambda lib, f, x: f.pad(x, (1, 1, 1, 1))),
    "index_select": (with_places, lambda lib, f, x, i: x[i]),
    "gather": (along, lambda lib, f, x, i: x.gather(1, i)),
    "index_add": (with_places, lambda lib, f, x, i: x.index_add(0, i, x)),
    "scatter_add": (along, lambda lib, f, x, i: x.scatter_add(1, i, x)),
    "linear": (products("float32"), lambda lib, f, x, w: x @ w),
    "matrix times vector": (plain, lambda lib, f, x: x @ x[0]),
    "to bfloat16": (plain, lambda lib, f, x: x.to(lib.bfloat16)),
    "from bfloat16": (of_dtype("bfloat16"), lambda lib, f, x: x.float()),
    "bfloat16 add": (of_dtype("bfloat16", 2), lambda lib, f, x, y: x + y),
    "bfloat16 gelu": (of_dtype("bfloat16"), lambda lib, f, x: f.gelu(x)),
    "bfloat16 softmax": (of_dtype("bfloat16"), lambda lib, f, x: x.softmax(-1)),
    "bfloat16 layer_norm": (of_dtype("bfloat16"), _layer_norm),
    "bfloat16 sum of columns": (of_dtype("bfloat16"), lambda lib, f, x: x.sum(0)),
    "bfloat16 linear": (products("bfloat16"), lambda lib, f, x, w: x @ w),
    "float16 add": (of_dtype("float16", 2), lambda lib, f, x, y: x + y),
    "float16 softmax": (of_dtype("float16"), lambda lib, f, x: x.softmax(-1)),
    "float16 linear": (products("float16"), lambda lib, f, x, w: x @ w),
}


def serve(side: str) -> None:
    """Run what each line on standard input names; answer with the seconds of each run."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    lib = importlib.import_module(side)
    functions = importlib.import_module(f"{side}.nn.functional")
    lib.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    sync = getattr(lib, "sync", lambda: None) if side == "rushlight" else (lambda: None)
    known: dict[tuple, tuple] = {}
    with lib.no_grad():
        for line in sys.stdin:
            name, size = json.loads(line)
            make, run = OPERATIONS[name]
            if (name, size) not in known:
                known.clear()
                known[name, size] = make(lib, *SIZES[size])
                sync()
            inputs = known[name, size]
            times: list[float] = []
            for _ in range(2):
                run(lib, functions, *inputs)
                sync()
            end = time.perf_counter() + SLICE_SECONDS
            while len(times) < 3 or time.perf_counter() < end:
                start = time.perf_counter()
                result = run(lib, functions, *inputs)
                sync()
                times.append(time.perf_counter() - start)
                del result
            print(json.dumps(times), file=answers, flush=True)


def start(side: str, python: str, threads: int) -> subprocess.Popen:
    """A process that serves one side."""
    root = Path(__file__).resolve().parent.parent
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RUSHLIGHT_NUM_THREADS")
    own = os.environ | dict.fromkeys(names, str(threads)) | {"PYTHONPATH": str(root)}
    command = [python, str(Path(__file__).resolve()), "--side", side]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=own)


def ask(process: subprocess.Popen, name: str, size: str) -> list[float]:
    """The seconds of some runs."""
    time.sleep(PAUSE_SECONDS)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([name, size]) + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise SystemExit(f"{name} at size {size} failed")
    return json.loads(answer)


def measure(processes: dict, names: list[str], rounds: int) -> dict[tuple[str, str], dict]:
    """The median seconds of each side for each operation and size."""
    found: dict[tuple[str, str], dict] = {}
    for name in names:
        for size in SIZES:
            times: dict[str, list[float]] = {side: [] for side in processes}
            for _ in range(rounds):
                for side, process in processes.items():
                    times[side] += ask(process, name, size)
            found[name, size] = {side: statistics.median(all_) for side, all_ in times.items()}
    return found


def table(found: dict[tuple[str, str], dict]) -> list[str]:
    """One line an operation, the one with the worst ratio first."""
    names = list(dict.fromkeys(name for name, _ in found))

    def ratio(name: str, size: str) -> float:
        seconds = found[name, size]
        return seconds["rushlight"] / seconds["torch"]

    names.sort(key=lambda name: -max(ratio(name, size) for size in SIZES))
    heading = [f"{size} {rows} x {columns}" for size, (rows, columns) in SIZES.items()]
    lines = [f"| operation | {' | '.join(heading)} |", "|---" * (1 + len(SIZES)) + "|"]
    for name in names:
        cells = []
        for size in SIZES:
            seconds = found[name, size]
            ours, theirs = (1e6 * seconds[side] for side in SIDES)
            cells.append(f"{ours:.0f} / {theirs:.0f} µs = {ratio(name, size):.2f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Start both sides and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("operations", nargs="*")
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--torch-python", default=sys.executable)
    parser.add_argument("--threads", type=int, default=min(os.cpu_count() or 1, 2))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    if options.side:
        serve(options.side)
        return
    wanted = tuple(options.operations)
    names = [name for name in OPERATIONS if not wanted or name.startswith(wanted)]
    pythons = {"rushlight": sys.executable, "torch": options.torch_python}
    processes = {side: start(side, pythons[side], options.threads) for side in SIDES}
    try:
        lines = table(measure(processes, names, options.rounds))
    finally:
        for process in processes.values():
            process.kill()
    print("\n".join(lines))
    if options.table:
        options.table.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
