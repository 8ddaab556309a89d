"""What the tests let worker processes read; importable there."""

import os
import random
import signal
import time

import numpy as np

from rushlight.data import Dataset, IterableDataset, get_worker_info, sample_generator


class Rows(Dataset):
    def __init__(self, length=40, width=3):
        self.rows = np.arange(length * width, dtype=np.float32).reshape(length, width)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return {"x": self.rows[index], "i": index, "name": f"row {index}"}


class Drawn(Rows):
    """Every kind of random number."""

    def __getitem__(self, index):
        draws = random.random(), float(np.random.rand()), float(sample_generator().random())
        return np.array(draws)


class Own(Rows):
    def __getitem__(self, index):
        return float(sample_generator().random())


class Faulty(Rows):
    """Does something terrible at sample 11, once; the file says that it has been done."""

    def __init__(self, what, mark=None):
        super().__init__()
        self.what, self.mark = what, mark

    def __getitem__(self, index):
        if index == 11 and (self.mark is None or not os.path.exists(self.mark)):
            if self.mark is not None:
                with open(self.mark, "w"):
                    pass
            self.what()
        return index


class OwnError(Exception):
    pass


class AwkwardError(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def raise_value_error():
    raise ValueError("no such picture")


def raise_own():
    raise OwnError("mine")


def raise_awkward():
    raise AwkwardError(1, 2)


def stop_iteration():
    raise StopIteration


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def segmentation_fault():
    os.kill(os.getpid(), signal.SIGSEGV)


def leave():
    os._exit(3)


def hang():
    time.sleep(1000)


class Stream(IterableDataset):
    """Worker w of n gives w, w + n ..."""

    def __init__(self, length=20):
        self.length = length

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(first, self.length, step))


class StatefulStream(Stream):
    def __init__(self, length=20):
        super().__init__(length)
        self.place = None

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        place = first if self.place is None else self.place
        while place < self.length:
            self.place = place + step
            yield place + 100 * sample_generator().integers(9)
            place = self.place
        self.place = None

    def state_dict(self):
        return {"place": self.place}

    def load_state_dict(self, state):
        self.place = state["place"]


class Unpicklable(Rows):
    def __init__(self):
        super().__init__()
        self.transform = {"scale": lambda x: 2 * x}


class Writes(Rows):
    """Writes into its own array, and tells what lies there."""

    def __getitem__(self, index):
        before = self.rows[0, 0]
        self.rows[0, 0] = -1
        return float(before)


class Information(Rows):
    def __getitem__(self, index):
        info = get_worker_info()
        return np.array([info.id, info.num_workers, info.seed - info.id, os.getpid()])


def collate_to_list(samples):
    return samples


def name_worker(number):
    os.environ["WORKER"] = str(number)


def break_worker(number):
    raise KeyError(f"no data for {number}")


class Environment(Rows):
    def __getitem__(self, index):
        return int(os.environ["WORKER"])


class Growing(Rows):
    """Samples of many sizes, also larger than a slot."""

    def __getitem__(self, index):
        return np.full(1 + (index * 7919) % 50_000, index, np.int32)
