"""Rule 15: dataset, transform and collate code computes at once, on the reference engine."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import DataLoader, Dataset, IterableDataset, default_collate
from rushlight.graph.recorder import recorder

VALUES = np.linspace(-3, 3, 40, dtype=np.float32)
EXPECTED = np.exp(VALUES.astype(np.float64)).astype(np.float32).tobytes()  # the reference's way


class Samples(Dataset):
    def __init__(self):
        self.looks = []

    def __len__(self):
        return 8

    def __getitem__(self, index):
        x = rl.tensor(VALUES[5 * index : 5 * index + 5]).exp()
        self.looks.append(x._node.buffer is not None)
        return x, index


class Stream(IterableDataset):
    def __iter__(self):
        for index in range(8):
            yield rl.tensor(VALUES[5 * index : 5 * index + 5]).exp(), index


def test_operations_are_computed_at_once_by_the_reference_engine(watched):
    samples = Samples()
    batches = list(DataLoader(samples, batch_size=4))
    assert samples.looks == [True] * 8
    assert not watched.runs
    found = np.concatenate([batch.numpy().ravel() for batch, _ in batches])
    assert found.tobytes() == EXPECTED


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("make", [Samples, Stream])
def test_any_number_of_workers_gives_the_same_bits(make, workers):
    batches = list(DataLoader(make(), batch_size=3, num_workers=workers))
    rows = {}
    for batch, places in batches:
        rows.update(zip(places.tolist(), batch, strict=True))
    found = np.concatenate([rows[index].numpy() for index in range(8)])
    assert found.tobytes() == EXPECTED


def test_collate_code_computes_at_once_too():
    seen = []

    def collate(samples):
        batch = default_collate(samples)[0] * 2
        seen.append(batch._node.buffer is not None)
        return batch

    list(DataLoader(Samples(), batch_size=4, collate_fn=collate))
    assert seen == [True, True]


def test_the_training_code_is_recorded_as_always(watched):
    model_side = rl.ones(3) * 2
    for batch, _ in DataLoader(Samples(), batch_size=4):
        result = batch + model_side[0]
        assert not recorder().immediate
        assert result._node.buffer is None
    assert not watched.runs


def test_pending_work_that_loading_code_reads_is_computed(watched):
    scale = rl.ones(()) * 3

    class Scaled(Samples):
        def __getitem__(self, index):
            return rl.ones(2) * scale

    (batch,) = DataLoader(Scaled(), batch_size=8)
    assert batch.tolist() == [[3, 3]] * 8


def test_drawing_a_batch_is_a_soft_cut(watched):
    loader = iter(DataLoader(Samples(), batch_size=4))
    x = rl.zeros(2)
    for _ in range(300):
        x = -x
    next(loader)
    assert len(watched.runs) == 1
    assert x._node.buffer is not None


def test_errors_come_where_they_are_made():
    class Wrong(Samples):
        def __getitem__(self, index):
            try:
                return rl.arange(3)[rl.tensor([1]) * 7]
            except IndexError as error:
                raise LookupError("seen at once") from error

    with pytest.raises(LookupError):
        next(iter(DataLoader(Wrong(), batch_size=2)))
    assert not recorder().immediate


def test_the_seed_of_a_pass_comes_from_the_default_generator():
    def order():
        return [places.tolist() for _, places in DataLoader(Samples(), batch_size=3, shuffle=True)]

    rl.manual_seed(1)
    first, second = order(), order()
    rl.manual_seed(1)
    assert (order(), order()) == (first, second)
    assert first != second


class Noise(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return rl.rand(2), index


def drawn(**options):
    rl.manual_seed(11)
    found = {}
    for rows, places in DataLoader(Noise(), **options):
        found.update(zip(places.tolist(), rows.tolist(), strict=True))
    return found


def test_what_a_sample_draws_is_its_own():
    for shuffle in (False, True):
        found = [drawn(batch_size=size, shuffle=shuffle) for size in (1, 3, 8)]
        assert found[0] == found[1] == found[2]
        assert len({tuple(row) for row in found[0].values()}) == 8


def test_reading_in_order_leaves_the_generator_alone():
    rl.manual_seed(11)
    before = rl.get_rng_state().tolist()
    assert len(list(DataLoader(Noise(), batch_size=3))) == 3
    assert rl.get_rng_state().tolist() == before
