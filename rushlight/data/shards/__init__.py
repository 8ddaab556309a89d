"""Tar shards in WebDataset's form: read as a stream or by index, and written."""

from .errors import ShardError, warn_and_continue
from .indexed import TarDataset
from .stream import ShardDataset
from .urls import shard_urls
from .writer import ShardWriter, TarWriter

__all__ = [
    "ShardDataset",
    "ShardError",
    "ShardWriter",
    "TarDataset",
    "TarWriter",
    "shard_urls",
    "warn_and_continue",
]
