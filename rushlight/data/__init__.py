"""Datasets, samplers, collating and the DataLoader, by PyTorch's names."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .collate import default_collate, default_convert
from .dataloader import DataLoader
from .dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from .distributed import DistributedSampler
from .hub.streams import shard_stream
from .lanes import LanedDataset
from .lengths import LengthBatchSampler, PadCollate
from .metering import stage
from .packed_list import PackedList
from .randomness import sample_generator
from .sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from .watch import StalledWarning
from .workers.info import get_worker_info

if TYPE_CHECKING:
    from .files.arrow import ArrowDataset
    from .files.group_order import GroupShuffleSampler
    from .files.group_stream import GroupStream
    from .files.numpy_rows import NumpyDataset
    from .files.parquet import ParquetDataset
    from .files.text_rows import CsvDataset, JsonLinesDataset
    from .files.tokens import TokenDataset, write_tokens
    from .shards import (
        ShardDataset,
        ShardError,
        ShardWriter,
        TarDataset,
        TarWriter,
        warn_and_continue,
    )

_LATER = {
    "ArrowDataset": "files.arrow",
    "CsvDataset": "files.text_rows",
    "GroupShuffleSampler": "files.group_order",
    "GroupStream": "files.group_stream",
    "JsonLinesDataset": "files.text_rows",
    "NumpyDataset": "files.numpy_rows",
    "ParquetDataset": "files.parquet",
    "ShardDataset": "shards",
    "ShardError": "shards",
    "ShardWriter": "shards",
    "TarDataset": "shards",
    "TarWriter": "shards",
    "TokenDataset": "files.tokens",
    "warn_and_continue": "shards",
    "write_tokens": "files.tokens",
}
"""Readers of files: imported when they are first asked for."""

__all__ = [
    "ArrowDataset",
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "CsvDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "GroupShuffleSampler",
    "GroupStream",
    "IterableDataset",
    "JsonLinesDataset",
    "LanedDataset",
    "LengthBatchSampler",
    "NumpyDataset",
    "PackedList",
    "PadCollate",
    "ParquetDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "ShardDataset",
    "ShardError",
    "ShardWriter",
    "StackDataset",
    "StalledWarning",
    "Subset",
    "SubsetRandomSampler",
    "TarDataset",
    "TarWriter",
    "TensorDataset",
    "TokenDataset",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
    "sample_generator",
    "shard_stream",
    "stage",
    "warn_and_continue",
    "write_tokens",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
