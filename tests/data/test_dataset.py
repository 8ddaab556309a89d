import numpy as np
import pytest

from rushlight.data import (
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    default_collate,
    random_split,
)


class Stream(IterableDataset):
    def __init__(self, *items):
        self.items = items

    def __iter__(self):
        return iter(self.items)


class SizedStream(Stream):
    def __len__(self):
        return len(self.items)


class Batched(Dataset):
    """Counts how it is read."""

    def __init__(self):
        self.calls = []

    def __len__(self):
        return 10

    def __getitem__(self, index):
        self.calls.append(index)
        return index * 10

    def __getitems__(self, indices):
        self.calls.append(list(indices))
        return [index * 10 for index in indices]


def test_tensor_dataset_gives_rows(tensor):
    dataset = TensorDataset(np.eye(3), tensor([7, 8, 9]))
    row, label = dataset[1]
    assert row.tolist() == [0, 1, 0]
    assert isinstance(label, tensor)
    assert label.tolist() == 8
    assert len(dataset) == 3
    assert [part.tolist() for part in dataset[1:]] == [[[0, 1, 0], [0, 0, 1]], [8, 9]]


def test_subset_reads_through():
    source = Batched()
    subset = Subset(source, [5, 2, 8])
    assert (subset[0], subset[-1], len(subset)) == (50, 80, 3)
    assert subset.__getitems__([2, 0]) == [80, 50]
    assert source.calls == [5, 8, [8, 5]]
    assert Subset("abcd", [3, 1]).__getitems__([0, 1]) == ["d", "b"]
    assert Subset(np.arange(5) * 2, [3, 1])[[0, 1]].tolist() == [6, 2]


def test_subset_of_a_subset():
    assert Subset(Subset("abcdef", [5, 3, 1]), [2, 0])[0] == "b"


def test_subset_subclass_is_not_bypassed():
    class Loud(Subset):
        def __getitem__(self, index):
            return super().__getitem__(index).upper()

    assert Loud("abc", [2, 1]).__getitems__([0, 1]) == ["C", "B"]


def test_concat_walks_across_parts():
    dataset = ConcatDataset(["abc", "", "de"])
    assert [dataset[index] for index in range(5)] == list("abcde")
    assert [dataset[index] for index in range(-5, 0)] == list("abcde")
    assert dataset.cumulative_sizes == [3, 3, 5]
    with pytest.raises(IndexError, match=r"index 5 .* 5 samples"):
        dataset[5]
    with pytest.raises(ValueError, match="absolute value of index"):
        dataset[-6]


def test_adding_datasets():
    assert isinstance(TensorDataset(np.zeros(1)) + "ab", ConcatDataset)
    joined = SizedStream(1, 2) + SizedStream(3)
    assert isinstance(joined, ChainDataset)
    assert (list(joined), list(joined), len(joined)) == ([1, 2, 3], [1, 2, 3], 3)


def test_stack_by_position_and_by_name():
    source = Batched()
    assert StackDataset(source, "abcdefghij")[1] == (10, "b")
    assert StackDataset(source, "abcdefghij").__getitems__([2, 1]) == [(20, "c"), (10, "b")]
    named = StackDataset(number=source, letter="abcdefghij")
    assert named[1] == {"number": 10, "letter": "b"}
    assert named.__getitems__([2]) == [{"number": 20, "letter": "c"}]
    assert len(named) == 10


BAD_DATASETS = [
    (lambda: Dataset()[0], NotImplementedError, "__getitem__"),
    (lambda: Stream(1)[0], NotImplementedError, "__getitem__"),
    (lambda: len(Dataset()), TypeError, "no len"),
    (lambda: len(Stream(1) + Stream(2)), TypeError, "no len"),
    (lambda: IterableDataset(), TypeError, "abstract"),
    (lambda: TensorDataset(), AssertionError, "at least one"),
    (lambda: TensorDataset(np.ones(2), np.ones(3)), AssertionError, r"mismatch.*\[2, 3\]"),
    (lambda: TensorDataset(np.ones(2))[2], IndexError, "out of bounds"),
    (lambda: ConcatDataset([]), AssertionError, "empty"),
    (lambda: ConcatDataset([Stream(1)]), AssertionError, "IterableDataset"),
    (lambda: list(ChainDataset([Stream(1), "ab"])), AssertionError, "got str"),
    (lambda: StackDataset(), ValueError, "give datasets"),
    (lambda: StackDataset("a", b="b"), ValueError, "give datasets"),
    (lambda: StackDataset("a", "bc"), ValueError, r"mismatch.*\[1, 2\]"),
]


@pytest.mark.parametrize(("build", "kind", "message"), BAD_DATASETS)
def test_bad_datasets(build, kind, message):
    with pytest.raises(kind, match=message):
        build()


# The sizes are PyTorch's: rounded down, what is left over dealt from the first part on.
SPLITS = [
    (10, [3, 7], [3, 7]),
    (10, [10, 0], [10, 0]),
    (10, [0.33, 0.33, 0.34], [4, 3, 3]),
    (10, [0.05, 0.95], [1, 9]),
    (3, [0.01, 0.99], [1, 2]),
    (10, [1.0], [10]),
    (10, [0.1] * 10, [1] * 10),
    (1, [1], [1]),
]


@pytest.mark.parametrize(("size", "lengths", "sizes"), SPLITS)
def test_random_split_sizes(size, lengths, sizes):
    parts = random_split(range(size), lengths)
    assert [len(part) for part in parts] == sizes
    assert sorted(sample for part in parts for sample in part.__getitems__(range(len(part)))) == (
        list(range(size))
    )


def test_random_split_repeats_with_its_generator(seeds):
    def split(generator=None):
        return [part.indices for part in random_split(range(40), [30, 10], generator)]

    assert split(np.random.default_rng(1)) == split(np.random.default_rng(1))
    first = split()
    assert split() != first
    seeds.position = 0
    assert split() == first


def test_random_split_warns_of_an_empty_part():
    with pytest.warns(UserWarning, match="index 0 is 0") as caught:
        random_split(range(10), [0.0, 1.0])
    assert caught[0].filename == __file__


BAD_SPLITS = [
    ([3, 3], ValueError, "Expected 10, but .* add up to 6"),
    ([0.5, 0.6], ValueError, "add up to 1.1"),
    ([-1, 11], ValueError, "negative"),
    ([1.5, -0.5], ValueError, "index 0 is not between 0 and 1"),
    ([2.5, 7.5], TypeError, "float"),
]


@pytest.mark.parametrize(("lengths", "kind", "message"), BAD_SPLITS)
def test_bad_splits(lengths, kind, message):
    with pytest.raises(kind, match=message):
        random_split(range(10), lengths)


GATHERED = [
    (TensorDataset(np.arange(24.0).reshape(8, 3), np.arange(8)), [3, 0, 3, -1]),
    (Subset(TensorDataset(np.arange(8)), [5, 4, 2]), [2, 0]),
    (Subset(Subset(TensorDataset(np.arange(8)), [5, 4, 2]), [1, 2]), [1]),
]


@pytest.mark.parametrize(("dataset", "indices"), GATHERED)
def test_gathering_is_what_collating_gives(dataset, indices):
    expected = default_collate([dataset[index] for index in indices])
    found = dataset.__getbatch__(indices)
    assert [part.tolist() for part in found] == [part.tolist() for part in expected]
    assert [part.dtype for part in found] == [part.dtype for part in expected]


class Doubled(TensorDataset):
    def __getitem__(self, index):
        return tuple(2 * part for part in super().__getitem__(index))


def test_datasets_that_read_in_their_own_way_are_not_gathered():
    assert Doubled(np.arange(8)).__getbatch__([1, 2]) is None
    assert Subset(range(8), [1]).__getbatch__([0]) is None
    assert [batch[0].tolist() for batch in DataLoader(Doubled(np.arange(4)), 4)] == [[0, 2, 4, 6]]


def test_an_index_out_of_range_is_told_with_its_sample():
    with pytest.raises(IndexError) as caught:
        list(DataLoader(TensorDataset(np.arange(4)), 2, sampler=[1, 7]))
    assert "sample 7 of TensorDataset" in "".join(caught.value.__notes__)
