"""The command `rushlight data`: look at a data set, and at where the time of loading goes."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from rushlight.data import DataLoader, IterableDataset
from rushlight.insight import batch as looking
from rushlight.insight.opening import TargetError, opened
from rushlight.insight.picture import draw, save

_EXAMPLES = """\
what to look at:
  train.py:dataset        an object of a program: a data set, a loader, or a function that
                          gives one; also module.name:object
  pictures/               a folder of pictures, or with a folder of pictures for each class
  train.npy  train.bin    rows of an array; token ids (see --length)
  rows.parquet  rows.arrow  rows.csv  rows.jsonl
  "train-{000..147}.tar"  tar shards

examples:
  rushlight data rushlight.vision:Digits --out digits.png
  rushlight data train.py:loader --batches 200 --compare
"""


def main(arguments: list[str]) -> int:
    """Print what a batch holds and the statistics of some batches; the exit status."""
    parser = _parser()
    if not arguments:
        parser.print_help()
        return 0
    chosen = parser.parse_args(arguments)
    try:
        target = opened(chosen.target, chosen.length)
        loader = _loader(target, chosen, chosen.workers, chosen.worker_type)
    except (TargetError, ImportError) as error:
        sys.stderr.write(f"rushlight data: {error}\n")
        return 2
    return _look(loader, target, chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rushlight data",
        description="Look at data: what a batch holds, where the time of loading goes, a picture.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", help="a file, a folder, or an object of a program")
    parser.add_argument("--batch-size", type=int, help="samples in a batch (32)")
    parser.add_argument("--batches", type=int, default=50, help="batches to read at most (50)")
    parser.add_argument("--workers", type=int, help="workers beside the program (0)")
    parser.add_argument("--worker-type", choices=["thread", "process"], help="(thread)")
    parser.add_argument("--shuffle", action="store_true", help="in a random order")
    parser.add_argument("--length", type=int, default=64, help="tokens of a window (64)")
    parser.add_argument("--compare", action="store_true", help="0 workers, 2 threads, 2 processes")
    parser.add_argument("--out", metavar="FILE.png", help="write a picture of the first batch")
    return parser


def _loader(target: Any, chosen: Any, workers: int | None, kind: str | None) -> DataLoader:
    """The loader; a program's own one as it is, but for what the options say."""
    if not isinstance(target, DataLoader):
        shuffle = True if chosen.shuffle and not isinstance(target, IterableDataset) else None
        return DataLoader(
            target,
            chosen.batch_size or 32,
            shuffle=shuffle,
            collate_fn=looking.loosely,
            num_workers=workers or 0,
            worker_type=kind or "thread",
        )
    options: dict[str, Any] = {"collate_fn": target.collate_fn, "timeout": target.timeout}
    options["num_workers"] = target.num_workers if workers is None else workers
    options["worker_type"] = kind or target.worker_type
    if options["num_workers"]:
        options["worker_init_fn"] = target.worker_init_fn
        options["prefetch_factor"] = target.prefetch_factor
    else:
        options["timeout"] = 0
    if target.batch_size is None and target.batch_sampler is not None:
        return DataLoader(target.dataset, batch_sampler=target.batch_sampler, **options)
    if not isinstance(target.dataset, IterableDataset):
        options["sampler"] = target.sampler
    size = chosen.batch_size or target.batch_size
    return DataLoader(target.dataset, size, drop_last=target.drop_last, **options)


def _look(loader: DataLoader, target: Any, chosen: Any) -> int:
    passing = iter(loader)
    first = next(passing, None)
    if first is None:
        sys.stderr.write("rushlight data: there is not one batch\n")
        return 2
    for _ in islice(passing, max(0, chosen.batches - 1)):
        pass
    stats = loader.stats()
    found = list(looking.fields(first))
    _say(_title(loader))
    width = max(len(name) for name, _ in found)
    for name, value in found:
        _say(f"  {name.ljust(width)}  {looking.described(value)}")
    _say("", str(stats))
    del passing
    if chosen.compare:
        _say("", *_compared(target, chosen))
    _say("", _picture(found, loader.dataset, chosen.out))
    return 0


def _title(loader: DataLoader) -> str:
    dataset = loader.dataset
    try:
        length = f"{len(dataset)} samples"
    except (TypeError, NotImplementedError):
        length = "a stream"
    return f"{type(dataset).__name__}: {length}. A batch holds"


def _compared(target: Any, chosen: Any) -> Iterator[str]:
    yield "workers      samples/s  first batch     (loading alone: the loop does nothing)"
    for workers, kind in ((0, "thread"), (2, "thread"), (2, "process")):
        name = f"{workers} {kind if workers == 1 else _plural(kind)}" if workers else "0"
        try:
            loader = _loader(target, chosen, workers, kind)
            rate, first = _timed(loader, chosen.batches)
        except TypeError as error:  # it cannot be sent to processes
            yield f"{name:12} {error}"
            continue
        yield f"{name:12} {rate:9,.0f}  {first:9.3f} s"


def _plural(kind: str) -> str:
    return "processes" if kind == "process" else "threads"


def _timed(loader: DataLoader, batches: int) -> tuple[float, float]:
    start = time.perf_counter()
    for _ in islice(loader, batches):
        pass
    stats = loader.stats()
    rate = stats.samples_per_second or stats.samples / (time.perf_counter() - start)
    return rate, stats.first_batch


def _picture(found: list[looking.Field], dataset: Any, path: str | None) -> str:
    picture = draw(found, getattr(dataset, "classes", None))
    if isinstance(picture, str):
        return picture
    if path is None:
        return f"{picture.words}: --out FILE.png writes a picture of them"
    save(picture, path)
    return f"picture: {path}, {picture.words}"


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
