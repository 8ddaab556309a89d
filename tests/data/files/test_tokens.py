"""Windows of token files."""

import json
import pickle

import numpy as np
import pytest

from rushlight.data import DataLoader, RandomSampler, TokenDataset, write_tokens
from rushlight.data.workers.packing import pack

IDS = np.random.default_rng(1).integers(0, 60_000, 1000)
SIZES = [1000, 330, 4, 666]
"""Of which the third is too short for a window of 4."""


def written(folder, suffix=".bin", sizes=(1000,), dtype=np.uint16):
    paths = []
    for i, size in enumerate(sizes):
        path = folder / f"{i}{suffix}"
        if suffix == ".npy":
            np.save(path, IDS[:size].astype(dtype))
        else:
            write_tokens(path, IDS[:size], dtype)
        paths.append(path)
    return paths


def windows(ids, length, stride):
    starts = range(0, len(ids) - length, stride)
    return [(ids[s : s + length].tolist(), ids[s + 1 : s + 1 + length].tolist()) for s in starts]


def listed(dataset):
    return [tuple(part.tolist() for part in dataset[i]) for i in range(len(dataset))]


@pytest.mark.parametrize("stride", [None, 1, 3, 700])
@pytest.mark.parametrize("length", [1, 4, 300])
@pytest.mark.parametrize("suffix", [".bin", ".npy"])
def test_every_window_of_every_file(suffix, length, stride, tmp_path):
    paths = written(tmp_path, suffix, SIZES)
    dataset = TokenDataset(paths, length, stride=stride)
    expected = [w for size in SIZES for w in windows(IDS[:size], length, stride or length)]
    assert listed(dataset) == expected
    order = np.random.default_rng(2).integers(-len(dataset), len(dataset), 50).tolist()
    inputs, targets = dataset.__getbatch__(order)
    assert inputs.dtype == targets.dtype == np.int64
    pairs = zip(inputs.tolist(), targets.tolist(), strict=True)
    assert list(pairs) == [expected[i] for i in order]


KINDS = [np.uint8, np.uint16, np.uint32, np.uint64, np.int16, np.int32, np.int64, ">u2"]


@pytest.mark.parametrize("dtype", KINDS)
def test_kinds_of_numbers(dtype, tmp_path):
    ids = np.arange(100).astype(dtype)
    write_tokens(tmp_path / "ids.bin", ids, dtype)
    np.save(tmp_path / "ids.npy", ids)
    expected = listed(TokenDataset(ids, 7))
    assert listed(TokenDataset(tmp_path / "ids.bin", 7, dtype=dtype)) == expected
    assert listed(TokenDataset(tmp_path / "ids.npy", 7)) == expected
    assert TokenDataset(ids, 7).__getbatch__([1])[0].tolist() == [expected[1][0]]


def test_a_folder_a_pattern_and_a_header(tmp_path):
    written(tmp_path, sizes=SIZES)
    assert len(TokenDataset(tmp_path, 10)) == len(TokenDataset(str(tmp_path / "*.bin"), 10)) == 197
    path = tmp_path / "header.bin"
    path.write_bytes(b"some" + np.arange(20, dtype=np.uint16).tobytes())
    assert TokenDataset(path, 3, offset=4)[1][0].tolist() == [3, 4, 5]


def test_large_batches_go_in_parts(tmp_path):
    dataset = TokenDataset(np.arange(100_000), 40_000, stride=10_000)
    inputs, _ = dataset.__getbatch__([5, 0, 3, 3, 1])
    assert inputs[:, 0].tolist() == [50_000, 0, 30_000, 30_000, 10_000]
    assert inputs[:, -1].tolist() == [89_999, 39_999, 69_999, 69_999, 49_999]


@pytest.mark.parametrize("workers", [("thread", 1), ("thread", 3), ("process", 2)])
def test_random_windows_with_workers_and_resuming(workers, tmp_path, seeds):
    dataset = TokenDataset(written(tmp_path, sizes=SIZES), 16, stride=1)

    def loader(kind="thread", count=0):
        sampler = RandomSampler(dataset, replacement=True, num_samples=64)
        return DataLoader(dataset, 8, sampler=sampler, num_workers=count, worker_type=kind)

    expected = [[part.tolist() for part in batch] for batch in loader()]
    seeds.seed()
    passing_loader = loader(*workers)
    passing = iter(passing_loader)
    found = [[part.tolist() for part in next(passing)] for _ in range(3)]
    again = loader(*workers)
    again.load_state_dict(json.loads(json.dumps(passing_loader.state_dict())))
    assert found == expected[:3]
    assert [[part.tolist() for part in batch] for batch in again] == expected[3:]


def test_a_pickle_holds_no_token(tmp_path):
    dataset = TokenDataset(written(tmp_path), 16)
    dataset[0]
    assert len(pickle.dumps(dataset)) < 1500
    assert listed(pickle.loads(pickle.dumps(dataset))) == listed(dataset)  # noqa: S301


def test_a_memory_map_of_ones_own(tmp_path):
    write_tokens(tmp_path / "ids.bin", IDS)
    dataset = TokenDataset(np.memmap(tmp_path / "ids.bin", np.uint16, "r"), 16)
    packed, buffers = pack(dataset, maps_files=True)
    assert len(packed) + sum(buffer.nbytes for buffer in buffers) < 2000
    loader = DataLoader(dataset, 16, num_workers=1, worker_type="process")
    assert [w for batch in loader for w in batch[0].tolist()] == [w[0] for w in listed(dataset)]


BAD_IDS = [
    (np.array([1, 2, -3, 4, 5], np.int32), None, r"token id -3 at position 2"),
    (np.array([1, 2, 3, 4, 9], np.uint16), 9, r"token id 9 at position 4.* less than 9"),
    (np.array([1, 2, 3, 2**63, 4], np.uint64), None, r"token id 9223372036854775808 at position 3"),
]


@pytest.mark.parametrize(("ids", "size", "words"), BAD_IDS)
def test_bad_ids_are_named(ids, size, words, tmp_path):
    path = tmp_path / "ids.npy"
    np.save(path, ids)
    dataset = TokenDataset(path, 1, vocab_size=size)
    for read in (lambda: listed(dataset), lambda: dataset.__getbatch__(range(len(dataset)))):
        with pytest.raises(ValueError, match=words) as caught:
            read()
        assert str(path) in str(caught.value)


WRONG = [
    (np.zeros(5), {}, "integers on one axis.*float64"),
    (np.zeros((5, 2), int), {}, r"shape \(5, 2\)"),
    (np.arange(5), {"length": 5}, r"5 tokens are less than one window of 5 \+ 1"),
    (np.arange(5), {"length": 0}, "length should be a positive integer"),
    (np.arange(5), {"stride": -1}, "stride should be a positive integer"),
]


@pytest.mark.parametrize(("tokens", "options", "words"), WRONG)
def test_what_is_refused(tokens, options, words):
    with pytest.raises(ValueError, match=words):
        TokenDataset(tokens, **{"length": 2, **options})


def test_files_that_are_refused(tmp_path):
    path = tmp_path / "odd.bin"
    path.write_bytes(b"12345")
    with pytest.raises(ValueError, match=r"odd.bin is no file of uint16 numbers: its 5 bytes"):
        TokenDataset(path, 1)
    np.save(tmp_path / "ids.npy", np.arange(9))
    with pytest.raises(ValueError, match="holds int64, but dtype=uint16"):
        TokenDataset(tmp_path / "ids.npy", 1, dtype=np.uint16)
    (tmp_path / "named.bin").write_bytes((tmp_path / "ids.npy").read_bytes())
    assert listed(TokenDataset(tmp_path / "named.bin", 2)) == windows(np.arange(9), 2, 2)


def test_writing_goes_piece_by_piece_or_not_at_all(tmp_path):
    path = tmp_path / "ids.bin"
    assert write_tokens(path, ([i] * i for i in range(50))) == 1225
    before = path.read_bytes()
    for bad, words in (([70_000], "70000 at position 1 "), ([-1], "-1"), ([0.5], "float64")):
        with pytest.raises(ValueError, match=words):
            write_tokens(path, iter([[1], bad]))
    for options, words in (({"dtype": float}, "float64"), ({"path": "ids.npy"}, "name it .bin")):
        with pytest.raises(ValueError, match=words):
            write_tokens(**{"path": path, "tokens": [[1]], **options})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["ids.bin"]
