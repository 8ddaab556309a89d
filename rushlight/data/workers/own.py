"""The dataset of a worker thread: what it opens, or sets on itself, is nobody else's."""

from __future__ import annotations

import copy
from typing import Any

from rushlight.data.dataset import Dataset, IterableDataset


def own_dataset(dataset: Any) -> Any:
    """A dataset for one thread: attributes of its own, and the same objects in them.

    So a file that each worker opens when it first reads, or a range that `worker_init_fn` sets,
    works as in processes.  Datasets within datasets are copied too; ours are made for several
    threads.  A stream that can go on from a state is copied as a whole, since it moves.
    """
    if isinstance(dataset, IterableDataset) and hasattr(dataset, "load_state_dict"):
        try:
            return copy.deepcopy(dataset)
        except Exception as error:  # whatever a user's __reduce__ raises
            error.add_note(
                f"while copying {type(dataset).__name__} for a worker: it has load_state_dict, so "
                "every worker thread needs one of its own. It may define __deepcopy__."
            )
            raise
    return _copied(dataset, {})


def _copied(dataset: Any, done: dict[int, Any]) -> Any:
    if not isinstance(dataset, Dataset):
        return dataset
    if id(dataset) in done:
        return done[id(dataset)]
    done[id(dataset)] = dataset  # for one that leads back to itself
    parts = getattr(dataset, "__dict__", {}).items()
    within = {name: found for name, part in parts if (found := _within(part, done)) is not part}
    if not within and type(dataset).__module__.partition(".")[0] == "rushlight":
        return dataset
    try:
        mine = copy.copy(dataset)
        vars(mine).update(within)
    except Exception:  # one that cannot be copied is shared
        return dataset
    done[id(dataset)] = mine
    return mine


def _within(part: Any, done: dict[int, Any]) -> Any:
    """An attribute with the datasets in it copied; itself, if there are none."""
    if type(part) in (list, tuple) and part and isinstance(part[0], Dataset):
        return type(part)(_copied(each, done) for each in part)
    if type(part) is dict and part and isinstance(next(iter(part.values())), Dataset):
        return {name: _copied(each, done) for name, each in part.items()}
    return _copied(part, done)
