"""Random numbers that belong to a sample."""

import random
import threading

import numpy as np
import pytest

from rushlight.data import DataLoader, Dataset, IterableDataset, randomness, sample_generator
from rushlight.data.randomness import Source, drawing_from, seed_globals


def python_draw():
    return random.random()


def numpy_draw():
    return float(np.random.rand())


def own_draw():
    return float(sample_generator().random())


def all_draws():
    return python_draw() + 2 * numpy_draw() + 4 * own_draw()


def sometimes():
    return python_draw() if own_draw() < 0.3 else 0.0


class Drawing(Dataset):
    """Each sample is its index and what `draw` gives."""

    def __init__(self, draw, length=23):
        self.draw, self.length = draw, length
        self.reads = 0

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        if index >= self.length:
            raise IndexError(index)
        self.reads += 1
        return index, self.draw()


class DrawingMany(Drawing):
    def __getitems__(self, indices):
        return [self[index] for index in indices]


class DrawingStream(IterableDataset):
    def __init__(self, draw):
        self.draw = draw

    def __iter__(self):
        return ((index, self.draw()) for index in range(23))


def samples(loader):
    return {int(i): float(x) for batch in loader for i, x in zip(*batch, strict=True)}


DRAWS = [python_draw, numpy_draw, own_draw, all_draws, sometimes]


@pytest.mark.parametrize("draw", DRAWS)
def test_a_sample_has_its_own_numbers_whatever_the_batches(draw, seeds):
    found = []
    for batch_size in (1, 4, 23):
        random.seed(batch_size)
        np.random.seed(batch_size)
        found.append(samples(DataLoader(Drawing(draw), batch_size, shuffle=True)))
        seeds.seed()
    assert found[0] == found[1] == found[2]
    assert len(set(found[0].values())) > 3


@pytest.mark.parametrize("kind", [Drawing, DrawingMany, DrawingStream])
@pytest.mark.parametrize("draw", DRAWS)
def test_epochs_differ_and_seeds_repeat_them(kind, draw, seeds):
    loader = DataLoader(kind(draw), batch_size=4)
    first, second = samples(loader), samples(loader)
    seeds.seed()
    assert first != second
    assert [samples(loader), samples(loader)] == [first, second]


@pytest.mark.parametrize("kind", [Drawing, DrawingMany, DrawingStream])
def test_global_generators_are_as_before(kind):
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.rand()
    random.seed(5)
    np.random.seed(5)
    samples(DataLoader(kind(all_draws), batch_size=4))
    assert (random.random(), np.random.rand()) == expected


def test_collating_draws_too():
    def collate(batch):
        return np.array([index for index, _ in batch]), np.full(len(batch), all_draws())

    loader = DataLoader(Drawing(lambda: 0), batch_size=4, collate_fn=collate)
    again = DataLoader(Drawing(lambda: 0), batch_size=4, collate_fn=collate)
    assert samples(loader) == samples(again)


def test_a_dataset_that_draws_nothing_global_is_read_once():
    dataset = Drawing(own_draw)
    samples(DataLoader(dataset, batch_size=4))
    assert dataset.reads == 23


def test_one_batch_is_read_again_where_global_generators_are_found_in_use():
    dataset = Drawing(python_draw)
    samples(DataLoader(dataset, batch_size=4))
    assert dataset.reads == 23 + 4


def test_python_and_numpy_do_not_give_the_same_numbers():
    seed_globals(12345)
    assert random.random() != np.random.rand()


def test_the_generator_of_a_sample_lasts_as_long_as_the_sample():
    with drawing_from(Source(1, 0)) as source:
        source.start(3)
        assert sample_generator() is sample_generator()
        first = sample_generator().random()
        source.start(4)
        other = sample_generator().random()
        source.start(3)
        assert sample_generator().random() == first != other


def test_outside_a_loader_nobody_can_foresee_the_numbers():
    assert sample_generator().random() != sample_generator().random()


def test_threads_have_their_own():
    with drawing_from(Source(1, 0)):
        found = []
        thread = threading.Thread(target=lambda: found.append(randomness.current_source()))
        thread.start()
        thread.join()
    assert found == [None]


@pytest.mark.parametrize("draw", [python_draw, numpy_draw])
@pytest.mark.parametrize("count", [1, 311, 312, 624])
def test_every_draw_is_noticed(draw, count):
    seed_globals(9)
    before = randomness._places()
    for _ in range(count):
        draw()
    assert randomness._places() != before


def test_other_interpreters_compare_whole_states(monkeypatch):
    monkeypatch.setattr(randomness, "_python_words", None)
    before = randomness._places()
    assert randomness._places() == before
    random.random()
    assert randomness._places() != before
