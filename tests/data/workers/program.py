"""A program that loads with worker processes: python program.py PART."""

import os
import signal
import sys
import threading
import time

from rushlight.data import DataLoader, Dataset


class Slow(Dataset):
    def __len__(self):
        return 1000

    def __getitem__(self, index):
        time.sleep(0.01)
        return os.getpid()


class Modules(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        import numpy as np

        import rushlight as rl

        made = rl.ones(3).exp().sum()
        rows = rl.utils.data.TensorDataset(rl.ones(100, 1000))
        for _ in range(20):
            rows.__getbatch__(list(range(64)))
        heavy = ("llvmlite", "rushlight.engines.cpu", "rushlight.nn", "rushlight.optim", "torch")
        return np.array([name in sys.modules for name in heavy] + [made.item() > 8])


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def passing(dataset=None):
    loader = DataLoader(dataset or Slow(), 4, num_workers=2, worker_type="process")
    return iter(loader)


def modules():
    say(next(passing(Modules())).tolist())


def exits():
    it = passing()
    say(*{p for _ in range(2) for p in next(it).tolist()})


def interrupted():
    it = passing()
    say(*{p for _ in range(2) for p in next(it).tolist()})
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    try:
        for _ in it:
            pass
    except KeyboardInterrupt:
        say("interrupted", time.monotonic() - start < 10)
    say("again", len(next(passing()).tolist()))


def killed():
    it = passing()
    say(*{p for _ in range(2) for p in next(it).tolist()})
    os.kill(os.getpid(), signal.SIGKILL)


class Hanging(Dataset):
    """Says where it is and hangs there."""

    def __init__(self, place):
        self.place = place

    def __len__(self):
        return 8

    def __getitem__(self, index):
        self.reach("reading")
        return index

    def __call__(self, samples):
        self.reach("collating")
        return samples

    def start(self, number):
        self.reach("starting")

    def reach(self, place):
        if place == self.place:
            say(place)
            time.sleep(1000)


def hanging(kind, place, ending=""):
    dataset = Hanging(place)
    options = {"collate_fn": dataset}
    if kind != "none":
        options |= {"num_workers": 2, "worker_type": kind, "worker_init_fn": dataset.start}
    passing = iter(DataLoader(dataset, 4, **options))
    if ending:
        time.sleep(0.5)
        {"exit": lambda: sys.exit(3), "error": lambda: 1 / 0, "kill": kill_this}[ending]()
    next(passing)


def kill_this():
    os.kill(os.getpid(), signal.SIGKILL)


def forked():
    passing = iter(DataLoader(Slow(), 4, num_workers=2, worker_type="process"))
    next(passing)
    process = os.fork()
    if process == 0:
        del passing
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0
    for _ in range(5):
        next(passing)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
