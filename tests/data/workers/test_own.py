"""What a worker thread has to itself: its dataset's attributes, and its end."""

import gc
import threading
import time

import numpy as np
import pytest

from rushlight.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    get_worker_info,
)
from rushlight.data.workers.own import own_dataset


class Range(IterableDataset):
    def __init__(self, start, end):
        self.start, self.end = start, end

    def __iter__(self):
        return iter(range(self.start, self.end))


def share_out(number):
    """As PyTorch's documentation does it."""
    info = get_worker_info()
    whole, size = info.dataset, -(-(info.dataset.end - info.dataset.start) // info.num_workers)
    start, end = whole.start + number * size, whole.end
    whole.start, whole.end = start, min(start + size, end)


class Opened(Dataset):
    """Opens its file when a worker first reads."""

    def __init__(self, path):
        self.path, self.file = path, None

    def __len__(self):
        return 400

    def __getitem__(self, index):
        if self.file is None:
            self.file = open(self.path, "rb")  # noqa: SIM115  (it stays open)
        self.file.seek(index * 8)
        time.sleep(0)  # let the other thread move the place, if it can
        return int.from_bytes(self.file.read(8), "little")


class Around(Dataset):
    def __init__(self, inner):
        self.inner, self.me = inner, self

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, index):
        return self.inner[index]


class Locked(IterableDataset):
    def __init__(self):
        self.lock = threading.Lock()

    def __iter__(self):
        return iter(range(4))

    def load_state_dict(self, state):
        pass


@pytest.mark.parametrize("kind", ["thread", "process"])
@pytest.mark.parametrize("workers", [2, 5])
def test_what_worker_init_fn_sets_is_the_workers_own(workers, kind):
    data = Range(3, 11)
    loader = DataLoader(data, num_workers=workers, worker_type=kind, worker_init_fn=share_out)
    for _ in range(2):
        assert sorted(batch.item() for batch in loader) == list(range(3, 11))
    assert (data.start, data.end) == (3, 11)


WRAPPED = {
    "itself": lambda data: data,
    "subset": lambda data: Subset(data, range(400)),
    "concat": lambda data: ConcatDataset([data]),
    "stack": lambda data: StackDataset(data),
    "named": lambda data: StackDataset(x=data),
    "around": Around,
}


@pytest.mark.parametrize("name", WRAPPED)
def test_a_file_opened_by_a_worker_is_its_own(name, tmp_path):
    np.arange(400).tofile(tmp_path / "numbers")
    data = Opened(tmp_path / "numbers")
    batches = list(DataLoader(WRAPPED[name](data), batch_size=5, num_workers=4))
    if name == "stack":
        batches = [batch[0] for batch in batches]
    elif name == "named":
        batches = [batch["x"] for batch in batches]
    assert np.concatenate([batch.tolist() for batch in batches]).tolist() == list(range(400))
    assert data.file is None


def test_objects_in_attributes_are_shared():
    class Kept(Dataset):
        def __init__(self):
            self.rows, self.inner = np.zeros(3), TensorDataset(np.zeros(3))

        def __getattr__(self, name):
            raise AttributeError(name)

    data = Kept()
    mine = own_dataset(data)
    assert mine is not data
    assert mine.rows is data.rows
    assert mine.inner is data.inner
    assert own_dataset(data.inner) is data.inner
    assert own_dataset(rows := [1, 2]) is rows


def test_one_that_cannot_be_copied_is_shared():
    class Single(Dataset):
        def __reduce_ex__(self, version):
            raise TypeError("there is one of me")

    assert own_dataset(single := Single()) is single


def test_a_stream_that_moves_must_be_copied():
    with pytest.raises(TypeError, match="lock") as caught:
        iter(DataLoader(Locked(), num_workers=2))
    assert "while copying Locked for a worker" in caught.value.__notes__[0]


@pytest.mark.parametrize("what", ["reading", "beginning"])
def test_threads_end_after_an_error(what):
    def refuse(number):
        raise KeyError(number)

    def fail():
        begin = refuse if what == "beginning" else None
        with pytest.raises(LookupError):
            list(DataLoader([1, 2], num_workers=2, sampler=[0, 1, 5], worker_init_fn=begin))

    gc.collect()
    before = threading.active_count()
    gc.disable()
    try:
        for _ in range(3):
            fail()
        deadline = time.monotonic() + 5
        while threading.active_count() > before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threading.active_count() <= before
    finally:
        gc.enable()


def test_a_pass_whose_workers_could_not_begin_has_ended():
    def refuse(number):
        raise KeyError(number)

    passing = iter(DataLoader([1, 2], num_workers=2, worker_init_fn=refuse))
    with pytest.raises(KeyError):
        next(passing)
    with pytest.raises(RuntimeError, match="begin a new pass"):
        next(passing)
