"""The table that the tests write in every format, and what its rows must be."""

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rushlight.data import ArrowDataset, ParquetDataset

COUNT = 100


def numbers(count=COUNT):
    """Columns of which batches are gathered."""
    rows = np.arange(count)
    pairs = pa.array(list(np.stack([rows, -rows], 1).astype(np.float32)), pa.list_(pa.float32(), 2))
    return pa.table({"x": rows.astype(np.int32), "even": rows % 2 == 0, "pair": pairs})


def number_rows(count=COUNT):
    return [
        {"x": i, "even": i % 2 == 0, "pair": [float(i), float(-i) if i else -0.0]}
        for i in range(count)
    ]


DAY = datetime.datetime(2024, 5, 6, tzinfo=datetime.UTC)
KINDS = {
    "int8": (pa.array([1, -2, 3], pa.int8()), [np.int8(1), np.int8(-2), np.int8(3)]),
    "half": (pa.array(np.arange(3, dtype=np.float16)), list(np.arange(3, dtype=np.float16))),
    "null": (pa.array([1.5, None, 2.5]), [np.float64(1.5), None, np.float64(2.5)]),
    "bools": (pa.array([True, None, False]), [np.True_, None, np.False_]),
    "text": (pa.array(["촛불", "", None]), ["촛불", "", None]),
    "large": (pa.array(["a", "b", None], pa.large_string()), ["a", "b", None]),
    "bytes": (pa.array([b"\xff", b"", None]), [b"\xff", b"", None]),
    "list": (
        pa.array([[1, 2], None, []], pa.list_(pa.int16())),
        [np.array([1, 2], np.int16), None, np.array([], np.int16)],
    ),
    "holes": (
        pa.array([[1, None], [], [2]]),
        [[np.int64(1), None], np.array([], int), np.array([2])],
    ),
    "texts": (pa.array([["a"], [], None]), [["a"], [], None]),
    "deep": (
        pa.array([[[1.0], []], [], [[2.0, 3.0]]]),
        [[np.array([1.0]), np.array([])], [], [np.array([2.0, 3.0])]],
    ),
    "fixed": (
        pa.array([[1, 2], None, [3, 4]], pa.list_(pa.uint8(), 2)),
        [np.array([1, 2], np.uint8), None, np.array([3, 4], np.uint8)],
    ),
    "fixed texts": (
        pa.array([["a"], ["b"], ["c"]], pa.list_(pa.string(), 1)),
        [["a"], ["b"], ["c"]],
    ),
    "moment": (
        pa.array([DAY, None, DAY], pa.timestamp("us", "Asia/Seoul")),
        [np.datetime64("2024-05-06T00", "us"), None, np.datetime64("2024-05-06T00", "us")],
    ),
    "date": (pa.array([DAY.date()] * 3), [np.datetime64("2024-05-06")] * 3),
    "span": (pa.array([5] * 3, pa.duration("ms")), [np.timedelta64(5, "ms")] * 3),
    "time": (pa.array([5] * 3, pa.time64("us")), [np.timedelta64(5, "us")] * 3),
    "decimal": (pa.array([Decimal("1.50")] * 3), [Decimal("1.50")] * 3),
    "struct": (
        pa.array([{"a": 1, "b": ["x"]}, None, {"a": None, "b": None}]),
        [{"a": np.int64(1), "b": ["x"]}, None, {"a": None, "b": None}],
    ),
    "map": (
        pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int32())),
        [[("k", 1)], [], None],
    ),
    "codes": (pa.array(["u", None, "u"]).dictionary_encode(), ["u", None, "u"]),
    "nothing": (pa.nulls(3), [None] * 3),
}
NEWER = {
    "text view": (pa.array(["a", None, "b" * 20], pa.string_view()), ["a", None, "b" * 20]),
    "bytes view": (pa.array([b"a", None, b""], pa.binary_view()), [b"a", None, b""]),
    "list view": (
        pa.array([[1, 2], None, []], pa.list_view(pa.int32())),
        [np.array([1, 2], np.int32), None, np.array([], np.int32)],
    ),
    "views in lists": (pa.array([["a"], [], None], pa.list_(pa.string_view())), [["a"], [], None]),
    "run ends": (
        pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array([5, 6])),
        [np.int64(5), np.int64(5), np.int64(6)],
    ),
    "union": (
        pa.UnionArray.from_sparse(
            pa.array([0, 1, 0], pa.int8()), [pa.array([1, 2, 3]), pa.array(["a", "b", "c"])]
        ),
        [1, "b", 3],
    ),
}
"""What only Arrow's own files hold."""


def kinds(without=()):
    names = [name for name in KINDS if name not in without]
    return pa.table({name: KINDS[name][0] for name in names})


SUFFIX = {"parquet": "parquet", "file": "arrow", "stream": "arrow"}


def opened(folder, table, form, files=1, compression=None, **options):
    """A dataset of a table that is written to several files."""
    size = -(-table.num_rows // files)
    for i in range(files):
        path = folder / f"{i}.{SUFFIX[form]}"
        write(path, table.slice(i * size, size), form, compression=compression)
    kind = ParquetDataset if form == "parquet" else ArrowDataset
    return kind(folder, **options)


def listed(batch):
    if isinstance(batch, dict):
        return {name: listed(part) for name, part in batch.items()}
    if isinstance(batch, list | tuple):
        return [listed(part) for part in batch]
    return batch.tolist() if hasattr(batch, "tolist") else batch


def same(found, expected):
    """Equal, and of one type; arrays of one dtype."""
    if isinstance(expected, dict):
        pairs = list(zip(found.items(), expected.items(), strict=True))
        return all(a[0] == b[0] and same(a[1], b[1]) for a, b in pairs)
    if isinstance(expected, list):
        return (
            type(found) is list and all(map(same, found, expected)) and len(found) == len(expected)
        )
    if isinstance(expected, np.ndarray):
        return found.dtype == expected.dtype and found.tolist() == expected.tolist()
    return type(found) is type(expected) and found == expected


def write(path, table, form, group=8, compression=None):
    """Write a table in groups of so many rows; returns the path."""
    if form == "parquet":
        options = {"compression": compression or "none", "use_dictionary": ["text"]}
        pq.write_table(table, path, row_group_size=group, **options)
        return path
    options = pa.ipc.IpcWriteOptions(compression=compression)
    new = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
    with new(path, table.schema, options=options) as file:
        file.write_table(table, max_chunksize=group)
    return path
