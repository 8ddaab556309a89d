"""A stream of lanes that worker processes can import."""

import os
import signal

import numpy as np

from rushlight.data import LanedDataset, sample_generator


class Lane:
    def __init__(self, values, mark):
        self.values, self.place, self.mark = values, 0, mark

    def __iter__(self):
        return self

    def __next__(self):
        if self.place == len(self.values):
            raise StopIteration
        value = self.values[self.place]
        self.place += 1
        if value == 13 and self.mark is not None and not os.path.exists(self.mark):
            with open(self.mark, "w"):
                pass
            os.kill(os.getpid(), signal.SIGKILL)
        return value + float(sample_generator().random())

    def state_dict(self):
        return {"place": self.place}

    def load_state_dict(self, state):
        self.place = state["place"]


class Lanes(LanedDataset):
    """Lane l holds the numbers below `length` that are l modulo the lanes; lane 1 only two."""

    def __init__(self, lanes=4, length=37, mark=None):
        self.lanes, self.length, self.mark = lanes, length, mark

    def lane_count(self):
        return self.lanes

    def lane(self, number, epoch):
        values = np.arange(number, self.length, self.lanes)
        values = np.roll(values, epoch)[: 2 if number == 1 else None]
        return Lane(values.tolist(), self.mark)
