"""The next batch is prepared while the step runs: shown by events, not by clocks.

Reading batch k waits until the step on batch k - 1 has begun, and that step waits until batch k has
been read.  A loader that reads between steps would wait for ever.
"""

import time

import pytest

from rushlight.data import DataLoader, Dataset

LONG = 60


class Event:
    """Set in one process, seen in another: a file."""

    def __init__(self, folder, name):
        self.path = folder / name

    def set(self):
        self.path.touch()

    def wait(self):
        deadline = time.monotonic() + LONG
        while not self.path.exists():
            assert time.monotonic() < deadline, f"{self.path.name} did not happen"
            time.sleep(0.002)


class Prepared(Dataset):
    def __init__(self, folder):
        self.folder = folder

    def __len__(self):
        return 6

    def __getitem__(self, index):
        if index:
            Event(self.folder, f"step {index - 1} has begun").wait()
        Event(self.folder, f"batch {index} has been read").set()
        return index


@pytest.mark.parametrize(("workers", "kind"), [(1, "thread"), (2, "thread"), (2, "process")])
def test_the_next_batch_is_read_during_the_step(workers, kind, tmp_path):
    loader = DataLoader(Prepared(tmp_path), 1, num_workers=workers, worker_type=kind)
    steps = []
    for number, batch in enumerate(loader):
        Event(tmp_path, f"step {number} has begun").set()
        if number < 5:
            Event(tmp_path, f"batch {number + 1} has been read").wait()
        steps += batch.tolist()
    assert steps == list(range(6))
