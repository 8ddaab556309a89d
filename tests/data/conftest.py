from contextlib import contextmanager

import numpy as np
import pytest

from rushlight.data import arrays


class FakeTensor:
    """The least that a tensor must be: values, a shape, a length and rows."""

    def __init__(self, values):
        self.values = np.asarray(values)

    @property
    def shape(self):
        return self.values.shape

    @property
    def dtype(self):
        return self.values.dtype

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return FakeTensor(self.values[index])

    def tolist(self):
        return self.values.tolist()


@pytest.fixture(autouse=True)
def plain_arrays(monkeypatch):
    """Every test starts with nothing registered, and leaves what was there before."""
    monkeypatch.setattr(arrays, "_registry", arrays.Registry())


@pytest.fixture
def tensor():
    def from_array(array, owned):
        if array.dtype == np.uint16:
            raise TypeError("no tensor holds uint16")
        made = FakeTensor(array)
        made.owned = owned
        return made

    arrays.register_array_type(FakeTensor, lambda value: value.values, from_array)
    return FakeTensor


@pytest.fixture
def seeds():
    """Register a default generator; `seeds.seed()` starts it anew."""

    class Seeds:
        position = 0
        seedings = 0

        def seed(self):
            self.position = 0
            self.seedings += 1

        def seeding(self, generator):
            return 77, self.seedings

        def draw(self, generator):
            if generator is not None:
                raise TypeError("not a generator")
            self.position += 1
            return 1000 + self.position

    source = Seeds()
    arrays.register_hooks(draw_seed=source.draw, seeding=source.seeding)
    return source


@pytest.fixture
def events():
    """Register hooks that write down when they are called."""
    log = []

    @contextmanager
    def immediate():
        log.append("enter")
        try:
            yield
        finally:
            log.append("leave")

    arrays.register_hooks(immediate=immediate, batch_drawn=lambda: log.append("drawn"))
    return log
