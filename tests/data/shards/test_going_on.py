"""A stream of shards goes on with the very next sample, wherever it was cut."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from rushlight.data import DataLoader, ShardDataset, sample_generator
from tests.data.shards.making import row, write_shards


def noisy(sample):
    return sample | {"noise": sample_generator().random()}


def legacy(sample):
    return sample | {"old": random.random()}


CHAINS = {
    "plain": lambda made: made.decode(),
    "shuffled": lambda made: made.shuffle(8, initial=2).decode().map(noisy),
    "drawn before": lambda made: made.decode().map(noisy).shuffle(9, initial=9),
    "twice": lambda made: made.shuffle(4, 1).decode().map(noisy).shuffle(6, 3).map(noisy),
    "so many": lambda made: made.shuffle(5, 5).decode().map(noisy).with_epoch(70),
    "legacy": lambda made: made.decode().map(legacy).shuffle(7).map(legacy),
    "few": lambda made: made.decode().shuffle(1000).with_epoch(13),
}


KINDS = [(0, "thread"), (2, "thread"), (3, "thread")]
ALL = [(chain, *kind) for chain in CHAINS for kind in KINDS if chain != "legacy"]
ALL += [("legacy", 0, "thread"), ("twice", 2, "process"), ("so many", 3, "process")]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    made = {}
    for ending in ("tar", "tar.gz"):
        folder = tmp_path_factory.mktemp("shards")
        made[ending] = write_shards(folder, [9, 4, 11, 0, 7, 8], ending, npy=row)
    return made


def loader_of(urls, chain, workers=0, kind="thread"):
    made = CHAINS[chain](ShardDataset(urls, shardshuffle=True, lanes=3))
    return DataLoader(made, 3, num_workers=workers, worker_type=kind)


def listed(batch):
    return {
        name: part.tolist() if isinstance(part, np.ndarray) else list(part)
        for name, part in batch.items()
    }


@pytest.mark.parametrize(("chain", "workers", "kind"), ALL)
def test_cut_anywhere(chain, workers, kind, shards, seeds):
    urls = shards["tar"]
    whole = loader_of(urls, chain)
    expected = [listed(batch) for _ in range(2) for batch in whole]
    rng = np.random.default_rng(len(chain) + workers)
    first = len(expected) // 2
    cuts = [0, first, *rng.choice(first, 3, replace=False).tolist()]
    for cut in cuts if kind == "thread" else cuts[2:4]:
        loader = loader_of(urls, chain, workers, kind)
        passing = iter(loader)
        found = [listed(next(passing)) for _ in range(min(cut, first))]
        state = json.dumps(loader.state_dict())
        assert len(state) < 2000
        other = loader_of(urls, chain, *KINDS[0 if chain == "legacy" else rng.integers(3)])
        other.load_state_dict(json.loads(state))
        found += [listed(batch) for batch in other]
        assert found == expected[: len(found)]
        if cut < first:
            found += [listed(batch) for batch in other]
            assert found == expected


def test_cut_again_and_again(shards, seeds):
    expected = [listed(batch) for batch in loader_of(shards["tar"], "twice")]
    found, state = [], None
    while True:
        loader = loader_of(shards["tar"], "twice", 2)
        if state is not None:
            loader.load_state_dict(state)
        batch = next(iter(loader), None)
        if batch is None:
            break
        found.append(listed(batch))
        state = loader.state_dict()
        if len(found) == len(expected):
            break
    assert found == expected


@pytest.mark.parametrize("chain", ["plain", "twice"])
def test_compressed_tars_are_read_up_to_the_place(chain, shards, seeds):
    expected = [listed(batch) for batch in loader_of(shards["tar.gz"], chain)]
    for cut in (1, 5, 9):
        loader = loader_of(shards["tar.gz"], chain)
        passing = iter(loader)
        found = [listed(next(passing)) for _ in range(cut)]
        other = loader_of(shards["tar.gz"], chain)
        other.load_state_dict(json.loads(json.dumps(loader.state_dict())))
        assert found + [listed(batch) for batch in other] == expected


def test_without_a_loader(shards):
    make = CHAINS["twice"]
    expected = [sample["cls"] for sample in make(ShardDataset(shards["tar"]))]
    for cut in (0, 1, 17, 38):
        passing = iter(make(ShardDataset(shards["tar"])))
        found = [next(passing)["cls"] for _ in range(cut)]
        other = iter(make(ShardDataset(shards["tar"])))
        other.load_state_dict(json.loads(json.dumps(passing.state_dict())))
        assert found + [sample["cls"] for sample in other] == expected


def test_only_what_is_needed_is_read_again(shards, tmp_path, seeds):
    """Shards that were finished may be gone."""
    urls = write_shards(tmp_path, [6] * 6)
    loader = DataLoader(ShardDataset(urls, lanes=2).decode(), 3)
    passing = iter(loader)
    for _ in range(8):
        next(passing)
    for finished in (0, 1):
        (tmp_path / f"s-{finished}.tar").unlink()
    other = DataLoader(ShardDataset(urls, lanes=2).decode(), 3)
    other.load_state_dict(loader.state_dict())
    assert [batch["cls"].tolist() for batch in other] == [
        batch["cls"].tolist() for batch in passing
    ]


def test_the_shards_may_lie_elsewhere(shards, tmp_path, seeds):
    for url in shards["tar"]:
        (tmp_path / Path(url).name).write_bytes(Path(url).read_bytes())
    loader = loader_of(shards["tar"], "shuffled")
    passing = iter(loader)
    next(passing)
    other = loader_of(f"{tmp_path}/s-{{0..5}}.tar", "shuffled")
    other.load_state_dict(loader.state_dict())
    assert [b["cls"].tolist() for b in other] == [b["cls"].tolist() for b in passing]


OTHERS = [
    (lambda urls: ShardDataset(urls[:5], lanes=3).shuffle(9), "shards: '6 .* in the state, '5 "),
    (lambda urls: ShardDataset(urls[::-1], lanes=3).shuffle(9), "shards: '6 "),
    (lambda urls: ShardDataset(urls, lanes=2).shuffle(9), "lanes: 3 in the state, 2 here"),
    (lambda urls: ShardDataset(urls, lanes=3).shuffle(8), r"steps: 'shuffle\(9, 9\)' in the"),
    (lambda urls: ShardDataset(urls, lanes=3), "steps: 'shuffle"),
    (
        lambda urls: ShardDataset(urls, lanes=3, shardshuffle=True, seed=4).shuffle(9),
        "shard order: 'as given' in the state, 'seed 4' here",
    ),
    (
        lambda urls: ShardDataset(urls, lanes=3, num_replicas=2, rank=1).shuffle(9),
        "rank: '0 of 1' in the state, '1 of 2' here",
    ),
    (
        lambda urls: ShardDataset(urls, lanes=3).shuffle(9).with_epoch(9),
        "samples per epoch: None in the state, 9 here",
    ),
]


@pytest.mark.parametrize(("other", "words"), OTHERS)
def test_the_state_of_another_stream_is_refused(other, words, shards):
    state = DataLoader(ShardDataset(shards["tar"], lanes=3).shuffle(9), 3).state_dict()
    with pytest.raises(ValueError, match=words):
        DataLoader(other(shards["tar"]), 3).load_state_dict(state)
