"""One data set for several processes: each takes its own part of every epoch."""

from __future__ import annotations

import os
from collections.abc import Sequence, Sized

import numpy as np

from . import permutation
from .order import random_stream
from .sampler import OrderedSampler


class DistributedSampler(OrderedSampler[int]):
    """Yields the part of `dataset` that belongs to process `rank` of `num_replicas`.

    All ranks get equally many: the last indices are left out with `drop_last`, else the first
    ones come twice.  The order is a function of `seed` and the epoch, so all ranks agree on it;
    the epoch is the loader's own count, or what `set_epoch` says.  `num_replicas` and `rank`
    default to the environment's WORLD_SIZE and RANK; without them a RuntimeError.  A rank that
    is none of them is a ValueError.

    >>> parts = [list(DistributedSampler(range(6), 2, rank, shuffle=False)) for rank in (0, 1)]
    >>> parts
    [[0, 2, 4], [1, 3, 5]]
    """

    draws = False

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ):
        self.dataset = dataset
        self.num_replicas = _from_environment("WORLD_SIZE", num_replicas)
        self.rank = _from_environment("RANK", rank)
        if not 0 <= self.rank < self.num_replicas:
            raise ValueError(
                f"Invalid rank {self.rank}, rank should be in the interval "
                f"[0, {self.num_replicas - 1}]"
            )
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.epoch: int | None = None

    @property
    def num_samples(self) -> int:
        """How many indices each rank gets."""
        length = len(self.dataset)
        return length // self.num_replicas if self.drop_last else -(-length // self.num_replicas)

    @property
    def total_size(self) -> int:
        """How many indices all ranks get together."""
        return self.num_samples * self.num_replicas

    def set_epoch(self, epoch: int) -> None:
        """Let passes have the order of this epoch, until it is called again."""
        self.epoch = epoch

    def order(self, seed: int, epoch: int) -> Sequence[int]:
        """Give this rank's part of an epoch; `seed` is not used, since all ranks must agree."""
        length = len(self.dataset)
        epoch = epoch if self.epoch is None else self.epoch
        if length > permutation.LISTED:
            stream = random_stream(self.seed, epoch) if self.shuffle else None
            part = self.num_samples, self.rank, self.num_replicas
            return permutation.part_of(length, *part, stream)
        if self.shuffle:
            indices = random_stream(self.seed, epoch).permutation(length)
        else:
            indices = np.arange(length)
        return np.resize(indices, self.total_size)[self.rank :: self.num_replicas].tolist()

    def __len__(self) -> int:
        return self.num_samples


def _from_environment(name: str, given: int | None) -> int:
    if given is not None:
        return given
    try:
        return int(os.environ[name])
    except (KeyError, ValueError):
        raise RuntimeError(
            f"DistributedSampler needs to know num_replicas and rank: give both, or set {name} "
            "in the environment, as launchers do"
        ) from None
