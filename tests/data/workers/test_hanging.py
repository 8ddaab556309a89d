"""A dataset that hangs: a warning says which sample it is, and at which line."""

import ctypes
import sys
import threading
import time
import warnings

import pytest

from rushlight.data import DataLoader, Dataset, IterableDataset, StalledWarning

LOCK = threading.Lock()
PATIENCE, HANG = 0.5, 2.0


def sleep():
    time.sleep(HANG)


def wait_for_a_lock():
    with LOCK:
        threading.Timer(HANG, LOCK.release).start()
        LOCK.acquire()


def sleep_in_a_library():
    """In machine code that has let go of the interpreter's lock."""
    end = time.monotonic() + HANG
    while (left := end - time.monotonic()) > 0:
        ctypes.CDLL(None).usleep(int(left * 1e6))


def sleep_and_hold_the_interpreter():
    ctypes.PyDLL(None).usleep(int(HANG * 1e6))


HANGS = [sleep, wait_for_a_lock, sleep_in_a_library]


class Hanging(Dataset):
    def __init__(self, hang):
        self.hang = hang

    def __len__(self):
        return 12

    def __getitem__(self, index):
        if index == 9:
            self.hang()
        return index


class HangingStream(IterableDataset):
    def __iter__(self):
        yield from range(9)
        sleep()


def hanging_collate(samples):
    if 9 in samples:
        sleep()
    return samples


def told(dataset, workers, kind, **options):
    """What the first warning says of a pass that hangs."""
    loader = DataLoader(dataset, 4, num_workers=workers, worker_type=kind, **options)
    passing = iter(loader)
    given = next(passing), next(passing)
    loader.patience = PATIENCE  # not counting the start
    if workers == 0:
        with pytest.warns(StalledWarning) as warned:
            list(DataLoader(dataset, 4, patience=PATIENCE, **options))
        return str(warned[0].message)
    with warnings.catch_warnings():  # as an error: nobody waits for the end of the hang
        warnings.simplefilter("error")
        with pytest.raises(StalledWarning) as raised:
            list(passing)
    assert len(given) == 2
    return str(raised.value)


def test_the_pass_goes_on_after_a_warning():
    with pytest.warns(StalledWarning):
        batches = list(DataLoader(Hanging(sleep), 4, num_workers=2, patience=PATIENCE))
    assert [batch.tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


KINDS = [(0, "thread"), (2, "thread"), (2, "process")]


@pytest.mark.parametrize(("workers", "kind"), KINDS)
@pytest.mark.parametrize("hang", HANGS)
def test_where_a_dataset_hangs(hang, workers, kind):
    words = told(Hanging(hang), workers, kind)
    assert "no batch for 0.5 seconds" in words
    assert "batch 2, while reading sample 9 of Hanging" in words
    assert "test_hanging.py" in words
    assert f"in {hang.__name__}" in words
    if workers:
        assert "worker 1 (" in words
        assert "worker 0 (" in words


@pytest.mark.parametrize(("workers", "kind"), KINDS)
def test_where_a_stream_hangs(workers, kind):
    words = told(HangingStream(), min(workers, 1), kind)
    assert "batch 2, while reading sample 9 of HangingStream" in words
    assert "in sleep" in words


@pytest.mark.parametrize(("workers", "kind"), KINDS)
def test_where_a_collate_function_hangs(workers, kind):
    words = told(list(range(12)), workers, kind, collate_fn=hanging_collate)
    assert "while collating samples [8, 9, 10, 11] of list" in words
    assert "in hanging_collate" in words


def test_a_library_that_lets_nobody_else_run_is_found_out():
    words = told(Hanging(sleep_and_hold_the_interpreter), 2, "process")
    assert "worker 0 (process" in words
    assert "a library holds the interpreter's lock" in words
    assert "in sleep_and_hold_the_interpreter" in words


def hang_at_start(number):
    time.sleep(10)


@pytest.mark.parametrize(("kind", "patience"), [("thread", PATIENCE), ("process", 4)])
def test_where_the_start_hangs(kind, patience):
    options = {"worker_type": kind, "worker_init_fn": hang_at_start, "patience": patience}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(StalledWarning, match=r"is starting[\s\S]*in hang_at_start"):
            list(DataLoader([1, 2], num_workers=2, **options))


def test_an_idle_loader_is_not_hanging(recwarn):
    passing = iter(DataLoader(list(range(12)), 4, patience=0.1))
    next(passing)
    time.sleep(0.5)
    assert sum(map(len, passing)) == 8
    assert not recwarn


@pytest.mark.parametrize(("workers", "kind"), KINDS)
def test_nobody_is_told_who_does_not_want_to(workers, kind, recwarn):
    for patience in (None, 0):
        options = {"num_workers": workers, "worker_type": kind, "patience": patience}
        assert len(list(DataLoader(Hanging(pause), 4, **options))) == 3
    assert not recwarn


def pause():
    time.sleep(0.3)


def test_a_warning_made_an_error_is_printed_where_nobody_could_catch_it(capsys):
    """Without workers another thread finds the pass hanging."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(DataLoader(Hanging(sleep), 4, patience=PATIENCE))) == 3
    assert "StalledWarning: no batch for 0.5 seconds" in capsys.readouterr().err
    assert sys.exc_info() == (None, None, None)


@pytest.mark.parametrize("patience", [-1, float("nan")])
def test_a_patience_is_a_number_of_seconds(patience):
    with pytest.raises(ValueError, match="patience option should be non-negative or None"):
        DataLoader([1], patience=patience)
