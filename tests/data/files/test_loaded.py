"""What a worker process loads in order to read files: its format's package, and no engine."""

import numpy as np
import pytest

from rushlight.data import (
    ArrowDataset,
    CsvDataset,
    DataLoader,
    JsonLinesDataset,
    NumpyDataset,
    ParquetDataset,
    write_tokens,
)
from tests.data.files import tables, transforms


def numpy(path):
    np.save(path, np.arange(4))
    return NumpyDataset(path, transform=transforms.loaded)


def tokens(path):
    write_tokens(path, [[1, 2, 3]])
    return transforms.Loaded(path, 1)


def parquet(path):
    tables.write(path, tables.numbers(4), "parquet")
    return ParquetDataset(path, transform=transforms.loaded)


def arrow(path):
    tables.write(path, tables.numbers(4), "stream")
    return ArrowDataset(path, transform=transforms.loaded)


def csv(path):
    path.write_text("a,b\n1,2\n")
    return CsvDataset(path, transform=transforms.loaded)


def json_lines(path):
    path.write_text("{}\n")
    return JsonLinesDataset(path, transform=transforms.loaded)


READERS = [
    (numpy, "x.npy", False),
    (tokens, "x.bin", False),
    (parquet, "x.parquet", True),
    (arrow, "x.arrow", True),
    (csv, "x.csv", False),
    (json_lines, "x.jsonl", False),
]


@pytest.mark.parametrize(("make", "name", "needs_pyarrow"), READERS)
def test_a_worker_loads_no_engine(make, name, needs_pyarrow, tmp_path):
    dataset = make(tmp_path / name)
    loader = DataLoader(dataset, None, num_workers=1, worker_type="process")
    for found in loader:
        assert found == [*[False] * len(transforms.HEAVY), needs_pyarrow]
