import multiprocessing

import numpy as np
import pytest

from rushlight.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    StackDataset,
    Subset,
    TensorDataset,
    get_worker_info,
)

TEN = list(range(10))


class Stream(IterableDataset):
    def __init__(self, count=7):
        self.count = count

    def __iter__(self):
        return iter(range(self.count))


class SizedStream(Stream):
    def __len__(self):
        return self.count


def order_of(loader):
    return [index for batch in loader for index in batch.tolist()]


def batches(*args, **options):
    return [batch.tolist() for batch in DataLoader(*args, **options)]


PASSES = [
    ({}, [[index] for index in TEN]),
    ({"batch_size": 4}, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]),
    ({"batch_size": 4, "drop_last": True}, [[0, 1, 2, 3], [4, 5, 6, 7]]),
    ({"batch_size": 20}, [TEN]),
    ({"batch_size": 20, "drop_last": True}, []),
    ({"batch_size": 2, "sampler": [3, 1, 4]}, [[3, 1], [4]]),
    ({"sampler": iter([5, 6])}, [[5], [6]]),
    ({"batch_sampler": [[1, 2], [3]]}, [[1, 2], [3]]),
    ({"batch_sampler": BatchSampler(SequentialSampler(TEN), 5, False)}, [TEN[:5], TEN[5:]]),
    ({"batch_size": 5, "num_workers": 2, "pin_memory": True, "timeout": 3}, [TEN[:5], TEN[5:]]),
    ({"batch_size": 5, "num_workers": 2, "persistent_workers": True}, [TEN[:5], TEN[5:]]),
    ({"batch_size": 10, "shuffle": False, "in_order": False}, [TEN]),
]


@pytest.mark.parametrize(("options", "expected"), PASSES)
def test_passes(options, expected):
    assert batches(TEN, **options) == expected


@pytest.mark.parametrize("options", [options for options, _ in PASSES[:6]])
def test_length_is_the_number_of_batches(options):
    loader = DataLoader(TEN, **options)
    assert len(loader) == len(iter(loader)) == len(list(loader))


def test_an_empty_dataset_gives_no_batch():
    assert batches([]) == []
    assert len(DataLoader([])) == 0


def test_without_batching_samples_are_converted(tensor):
    assert list(DataLoader(TEN, batch_size=None, sampler=[3, 1])) == [3, 1]
    rows = list(DataLoader(TensorDataset(np.eye(2)), batch_size=None))
    assert isinstance(rows[0][0], tensor)
    assert len(DataLoader(TEN, batch_size=None)) == 10


def test_keys_of_any_kind():
    assert batches({"a": 1, "b": 2}, sampler=["b", "a"]) == [[2], [1]]


def test_shuffling_gives_every_sample_once_and_anew_each_pass():
    loader = DataLoader(list(range(40)), batch_size=7, shuffle=True)
    passes = [order_of(loader) for _ in range(3)]
    assert all(sorted(order) == list(range(40)) for order in passes)
    assert passes[0] != passes[1] != passes[2]


def test_the_order_repeats_after_seeding(seeds):
    loader = DataLoader(TEN, batch_size=3, shuffle=True)
    first = [batch.tolist() for batch in loader]
    seeds.seed()
    assert [batch.tolist() for batch in loader] == first
    assert batches(TEN, batch_size=3, shuffle=True) != first


def test_the_order_does_not_depend_on_batch_size_or_workers():
    orders = [
        order_of(DataLoader(TEN, shuffle=True, generator=np.random.default_rng(4), **options))
        for options in ({}, {"batch_size": 4}, {"batch_size": 3, "num_workers": 2})
    ]
    assert orders[0] == orders[1] == orders[2]


def test_an_unshuffled_pass_draws_no_seed(seeds):
    batches(TEN, batch_size=3)
    batches(Stream())
    assert seeds.position == 0


def test_two_iterators_at_once():
    loader = DataLoader(TEN, batch_size=5)
    pairs = [(one.tolist(), two.tolist()) for one, two in zip(loader, loader, strict=True)]
    assert pairs == [(TEN[:5], TEN[:5]), (TEN[5:], TEN[5:])]


def test_an_abandoned_pass_leaves_the_next_whole():
    loader = DataLoader(TEN, batch_size=5)
    next(iter(loader))
    assert [batch.tolist() for batch in loader] == [TEN[:5], TEN[5:]]


def test_collate_fn_gets_the_list_of_samples():
    assert list(DataLoader(TEN, batch_size=4, collate_fn=sum)) == [6, 22, 17]


def test_batch_fetch_is_used():
    class Batched(Dataset):
        def __len__(self):
            return 5

        def __getitems__(self, indices):
            return [index * 2 for index in indices]

    assert batches(Batched(), batch_size=3) == [[0, 2, 4], [6, 8]]
    assert batches(Subset(Batched(), [4, 0]), batch_size=2) == [[8, 0]]


STREAMS = [
    ({"batch_size": 3}, [[0, 1, 2], [3, 4, 5], [6]]),
    ({"batch_size": 3, "drop_last": True}, [[0, 1, 2], [3, 4, 5]]),
    ({"batch_size": 7}, [[0, 1, 2, 3, 4, 5, 6]]),
    ({"batch_size": 7, "shuffle": False}, [[0, 1, 2, 3, 4, 5, 6]]),
]


@pytest.mark.parametrize(("options", "expected"), STREAMS)
def test_streams(options, expected):
    loader = DataLoader(SizedStream(), **options)
    for _ in range(2):
        assert [batch.tolist() for batch in loader] == expected
    assert len(loader) == len(expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_sampler_may_yield_iterators(workers):
    batches = [iter([0, 1]), (number for number in (3, 2))]
    loader = DataLoader([5, 6, 7, 8], batch_sampler=batches, num_workers=workers)
    assert [batch.tolist() for batch in loader] == [[5, 6], [8, 7]]


def test_a_stream_without_batching():
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]
    assert len(DataLoader(SizedStream(3), batch_size=None)) == 3


def test_a_stream_that_has_ended_is_not_asked_again():
    class Restless(IterableDataset):
        def __init__(self):
            self.calls = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.calls += 1
            if self.calls == 3:
                raise StopIteration
            return self.calls

    assert batches(Restless(), batch_size=4) == [[1, 2]]


def test_no_worker_without_workers():
    class Asks(Dataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return get_worker_info() is None

    assert batches(Asks()) == [[True]]


# Faults: the error keeps its type and says where it arose.


class Broken(Dataset):
    def __init__(self, error):
        self.error = error

    def __len__(self):
        return 10

    def __getitem__(self, index):
        if index == 5:
            raise self.error
        return index


class BrokenBatches(Broken):
    def __getitems__(self, indices):
        return [self[index] for index in indices]


class BrokenStream(Stream):
    def __iter__(self):
        yield from range(5)
        raise OSError("disk on fire")


NOTES = [
    (Broken(OSError("x")), {"batch_size": 4}, "while reading sample 5 of Broken"),
    (Broken(OSError("x")), {"batch_size": None}, "while reading sample 5 of Broken"),
    (StackDataset(Broken(OSError("x"))), {"sampler": [5]}, "while reading sample 5 of Broken"),
    (Subset(Broken(OSError("x")), [1, 5]), {}, "while reading sample 5 of Broken"),
    (Subset(Broken(OSError("x")), [1, 5]), {}, "while reading samples [1] of Subset"),
    (
        BrokenBatches(OSError("x")),
        {"batch_size": 4},
        "reading samples [4, 5, 6, 7] of BrokenBatches",
    ),
    (BrokenStream(), {"batch_size": 3}, "while reading sample 5 of BrokenStream"),
    (BrokenStream(), {"batch_size": None}, "while reading sample 5 of BrokenStream"),
]


@pytest.mark.parametrize(("dataset", "options", "note"), NOTES)
def test_errors_of_reading_name_index_and_dataset(dataset, options, note):
    with pytest.raises(OSError, match=r"x|fire") as caught:
        list(DataLoader(dataset, **options))
    assert any(note in line for line in caught.value.__notes__)


def test_errors_of_collating_name_the_samples():
    ragged = [np.zeros(2), np.zeros(2), np.zeros(3)]
    with pytest.raises(RuntimeError, match="sample 1") as caught:
        list(DataLoader(ragged, sampler=[0, 2], batch_size=2))
    assert caught.value.__notes__ == ["while collating samples [0, 2] of list"]


def test_errors_of_collating_a_stream_count_its_samples():
    def refuse(samples):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        list(DataLoader(Stream(), batch_size=3, collate_fn=refuse))
    assert caught.value.__notes__ == ["while collating samples [0, 1, 2] of Stream"]


def test_a_stray_stop_iteration_does_not_end_the_pass():
    with pytest.raises(RuntimeError, match="StopIteration raised while reading sample 5"):
        list(DataLoader(Broken(StopIteration())))
    with pytest.raises(RuntimeError, match="StopIteration raised while collating"):
        list(DataLoader(TEN, collate_fn=lambda samples: next(iter([]))))


def test_the_pass_goes_on_after_an_error():
    loader = iter(DataLoader(Broken(OSError("x")), batch_size=4))
    next(loader)
    with pytest.raises(OSError, match="x"):
        next(loader)
    assert next(loader).tolist() == [8, 9]


def test_an_interrupt_passes_untouched():
    with pytest.raises(KeyboardInterrupt) as caught:
        list(DataLoader(Broken(KeyboardInterrupt())))
    assert not hasattr(caught.value, "__notes__")


# Bad options: each has PyTorch's exception type.
BAD_OPTIONS = [
    ({"num_workers": -1}, ValueError, "num_workers option should be non-negative"),
    ({"timeout": -1}, ValueError, "timeout option should be non-negative"),
    ({"prefetch_factor": 2}, ValueError, "prefetch_factor option could only"),
    ({"num_workers": 1, "prefetch_factor": -1}, ValueError, "prefetch_factor.*non-negative"),
    ({"persistent_workers": True}, ValueError, "persistent_workers option needs"),
    ({"sampler": [1], "shuffle": True}, ValueError, "sampler option is mutually exclusive"),
    ({"batch_sampler": [[1]], "batch_size": 2}, ValueError, "batch_sampler option is mutually"),
    ({"batch_sampler": [[1]], "shuffle": True}, ValueError, "batch_sampler option is mutually"),
    ({"batch_sampler": [[1]], "sampler": [1]}, ValueError, "batch_sampler option is mutually"),
    ({"batch_sampler": [[1]], "drop_last": True}, ValueError, "batch_sampler option is mutually"),
    ({"batch_size": None, "drop_last": True}, ValueError, "mutually exclusive with drop_last"),
    ({"batch_size": 0}, ValueError, "batch_size=0"),
    ({"batch_size": 2.5}, ValueError, "batch_size=2.5"),
    ({"batch_size": True}, ValueError, "batch_size=True"),
    ({"drop_last": 1}, ValueError, "drop_last=1"),
    ({"multiprocessing_context": "fork"}, ValueError, "num_workers=0"),
    ({"num_workers": 1, "multiprocessing_context": "no"}, ValueError, "start method.*'no'"),
    ({"num_workers": 1, "multiprocessing_context": 3}, TypeError, "context=3"),
    ({"num_workers": "two"}, TypeError, "str"),
    ({"collate_fn": 3}, TypeError, "collate_fn should be callable"),
    ({"worker_init_fn": 3}, TypeError, "worker_init_fn should be callable"),
]


@pytest.mark.parametrize(("options", "kind", "message"), BAD_OPTIONS)
def test_bad_options(options, kind, message):
    with pytest.raises(kind, match=message):
        DataLoader(TEN, **options)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}])
def test_a_stream_takes_no_order(options):
    with pytest.raises(ValueError, match=f"expected unspecified {next(iter(options))} option"):
        DataLoader(Stream(), **options)


def test_other_bad_input():
    with pytest.raises(ValueError, match="num_samples=0"):
        DataLoader([], shuffle=True)
    with pytest.raises(TypeError, match="no len"):
        len(DataLoader(Stream()))
    with pytest.raises(AssertionError, match="timeout=5"):
        iter(DataLoader(TEN, timeout=5))


@pytest.mark.parametrize("name", ["batch_size", "sampler", "batch_sampler", "dataset"])
def test_what_is_fixed_cannot_be_set_later(name):
    loader = DataLoader(TEN)
    with pytest.raises(ValueError, match=f"{name} attribute should not be set"):
        setattr(loader, name, 3)
    loader.num_workers = 2


def test_options_are_kept():
    loader = DataLoader(
        TEN, 4, True, num_workers=2, generator=np.random.default_rng(), pin_memory_device="x"
    )
    assert (loader.batch_size, loader.num_workers, loader.prefetch_factor) == (4, 2, 2)
    assert (loader.drop_last, loader.pin_memory, loader.timeout, loader.in_order) == (
        (False, False, 0, True)
    )
    assert isinstance(loader.sampler, RandomSampler)
    assert isinstance(loader.batch_sampler, BatchSampler)
    assert loader.prefetch_factor == 2
    assert DataLoader(TEN, batch_sampler=[[1]]).batch_size is None
    assert DataLoader(TEN).prefetch_factor is None


def test_a_start_method_becomes_its_context():
    loader = DataLoader(TEN, num_workers=1, multiprocessing_context="spawn")
    assert loader.multiprocessing_context is multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("spawn")
    assert DataLoader(TEN, num_workers=1, multiprocessing_context=context) is not None
