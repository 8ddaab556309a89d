"""A program that reads a data set ten times as large as its budget, and tells what it took."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from rushlight.data import ArrowDataset, DataLoader, GroupShuffleSampler, ParquetDataset
from tests.data.files import tables

BUDGET = 16 << 20
WIDTH = 1024


def table(rows):
    values = pa.array(np.random.default_rng(0).random(rows * WIDTH, np.float32))
    return pa.table({"x": pa.FixedSizeListArray.from_arrays(values, WIDTH)})


def own_memory():
    """The bytes of this process that lie in no file."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not tell")


def read(path, form, seen):
    kind = ParquetDataset if form == "parquet" else ArrowDataset
    dataset = kind(path, budget=BUDGET)
    sampler = GroupShuffleSampler(dataset)
    for batch in DataLoader(dataset, 64, sampler=sampler, num_workers=2):
        seen.append(own_memory())
        assert batch["x"].shape[1] == WIDTH


def main(folder):
    rows = table(10 * BUDGET // (4 * WIDTH))
    for form, compression in (("parquet", "snappy"), ("file", "lz4"), ("file", None)):
        small, large = Path(folder, "small"), Path(folder, "large")
        tables.write(small, rows.slice(0, 512), form, 128, compression)
        tables.write(large, rows, form, 128, compression)
        read(small, form, [])
        pa.default_memory_pool().release_unused()
        before, seen = own_memory(), []
        read(large, form, seen)
        sys.stdout.write(f"{form} {BUDGET} {max(seen) - before}\n")


if __name__ == "__main__":
    main(sys.argv[1])
