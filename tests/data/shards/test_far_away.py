"""Shards on web servers and other file systems, with connections that break."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from rushlight.data import DataLoader, ShardDataset, ShardError
from rushlight.data.shards import opening
from tests.data.shards.making import numbers, write_shards
from tests.data.shards.serving import serving


@pytest.fixture
def waits(monkeypatch):
    """Nobody waits; the list says how long one would have."""
    seconds = []
    monkeypatch.setattr(opening, "sleep", seconds.append)
    return seconds


def noise(number):
    return np.random.default_rng(number).integers(256, size=8400, dtype=np.uint8)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    found = {}
    for ending in ("tar", "tar.gz"):
        folder = tmp_path_factory.mktemp("far")
        urls = write_shards(folder, [30, 30, 30], ending, npy=noise)
        found |= {f"/{Path(url).name}": Path(url).read_bytes() for url in urls}
    return found


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
@pytest.mark.parametrize("parts", [True, False])
def test_web_servers(ending, parts, files):
    with serving(files, parts=parts) as site:
        dataset = ShardDataset(site.url(f"/s-{{0..2}}.{ending}"), lanes=1).decode()
        samples = list(dataset)
        assert numbers(samples) == list(range(90))
        assert samples[7]["npy"].tolist() == noise(7).tolist()
        assert samples[0]["__url__"] == site.url(f"/s-0.{ending}")
        assert len(site.requests) == 3


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_broken_connections_are_taken_up_again(ending, files, waits):
    with serving(files, cut=40_000, faults=9) as site:
        dataset = ShardDataset(site.url(f"/s-{{0..2}}.{ending}"), lanes=2).decode()
        assert sorted(numbers(dataset)) == list(range(90))
        assert len(site.requests) == 12
        asked = [int(words[6:-1]) for path, words in site.requests if path == f"/s-0.{ending}"]
        assert asked == sorted(set(asked))
        assert asked[0] == 0 < asked[-1]
    assert set(waits) == {0.5}


def test_waits_become_longer_and_end(files, waits):
    with serving(files, status=[200, *[503] * 9], cut=100_000, faults=1) as site:
        site.status[0] = None
        dataset = ShardDataset(site.url("/s-0.tar"), retries=3).decode()
        stream, found = iter(dataset), []
        with pytest.raises(ShardError) as caught:
            found += [sample["cls"] for sample in stream]
        found = numbers(list(ShardDataset(site.url("/s-0.tar"), retries=9).decode()))
    error = caught.value
    assert (error.url, error.offset) == (site.url("/s-0.tar"), 100_000)
    assert error.key is not None
    assert "reading it failed 4 times: HTTPError: HTTP Error 503" in error.reason
    assert waits[:3] == [0.5, 1.0, 2.0]
    assert found == list(range(30))


def test_a_server_without_parts_cannot_go_on(files, waits):
    with serving(files, parts=False, cut=100_000, faults=1) as site:
        with pytest.raises(ShardError, match="serves no parts of it") as caught:
            list(ShardDataset(site.url("/s-1.tar")))
        assert (caught.value.offset, caught.value.key is None) == (100_000, False)


def test_a_file_that_changes_meanwhile_is_no_part_of_the_old_one(files, waits):
    files = dict(files)
    with serving(files, cut=100_000, faults=1) as site:
        stream = iter(ShardDataset(site.url("/s-1.tar")))
        next(stream)
        files["/s-1.tar"] = files["/s-2.tar"]
        with pytest.raises(ShardError, match="has changed meanwhile"):
            list(stream)


FINAL = [(404, "HTTP Error 404"), (403, "HTTP Error 403"), (401, "HTTP Error 401")]


@pytest.mark.parametrize(("status", "words"), FINAL)
def test_what_trying_again_cannot_help_is_told_at_once(status, words, files, waits):
    with serving(files, status=[status]) as site:
        with pytest.raises(ShardError, match=words) as caught:
            list(ShardDataset(site.url("/s-0.tar")))
        assert (caught.value.url, caught.value.offset) == (site.url("/s-0.tar"), 0)
    assert not waits


def test_nobody_there(waits):
    with serving({}) as site:
        pass
    with pytest.raises(ShardError, match="reading it failed 3 times"):
        list(ShardDataset(site.url("/s-0.tar"), retries=2))


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
@pytest.mark.parametrize("parts", [True, False])
@pytest.mark.parametrize("workers", [0, 2])
def test_going_on_far_away(ending, parts, workers, files, seeds, monkeypatch):
    monkeypatch.setattr(opening, "BUFFER", 1 << 14)
    with serving(files, parts=parts) as site:

        def make():
            shards = ShardDataset(site.url(f"/s-{{0..2}}.{ending}"), shardshuffle=True, lanes=2)
            return DataLoader(shards.shuffle(9).decode(), 8, num_workers=workers)

        expected = [batch["cls"].tolist() for batch in make()]
        loader = make()
        passing = iter(loader)
        found = [next(passing)["cls"].tolist() for _ in range(4)]
        other = make()
        other.load_state_dict(json.loads(json.dumps(loader.state_dict())))
        site.requests.clear()
        assert found + [batch["cls"].tolist() for batch in other] == expected
        entered = {words for _, words in site.requests}
        assert (len(entered) > 1) == (parts and ending == "tar")


# ------------------------------------------------------------------------------------------- fsspec
@pytest.fixture
def memory(files):
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    for path, data in files.items():
        system.pipe(f"/shards{path}", data)
    yield system
    system.rm("/shards", recursive=True)


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_any_file_system_of_fsspec(ending, memory, seeds):
    shards = ShardDataset(f"memory://shards/s-*.{ending}", lanes=2).decode()
    assert sorted(numbers(shards)) == list(range(90))
    loader = DataLoader(shards, 4)
    passing = iter(loader)
    for _ in range(5):
        next(passing)
    other = DataLoader(shards, 4)
    other.load_state_dict(loader.state_dict())
    assert [b["cls"].tolist() for b in other] == [b["cls"].tolist() for b in passing]


class Unreliable:
    """A file of fsspec's whose every third reading fails."""

    def __init__(self, file, can_seek):
        self.file, self.count, self.can_seek = file, 0, can_seek
        self.size = file.size

    def read(self, size):
        self.count += 1
        if self.count % 3 == 0:
            raise ConnectionResetError("the line is dead")
        return self.file.read(min(size, 10_000))

    def seekable(self):
        return self.can_seek

    def seek(self, place):
        return self.file.seek(place)

    def close(self):
        self.file.close()


@pytest.mark.parametrize("can_seek", [True, False])
def test_broken_connections_of_fsspec(can_seek, memory, monkeypatch, waits):
    opened = type(memory).open
    monkeypatch.setattr(
        type(memory), "open", lambda *args, **kw: Unreliable(opened(*args, **kw), can_seek)
    )
    shards = ShardDataset("memory://shards/s-{0..2}.tar", lanes=1).decode()
    if can_seek:
        assert numbers(shards) == list(range(90))
        assert len(waits) > 10
        return
    with pytest.raises(ShardError, match="its file system cannot go to a place") as caught:
        list(shards)
    assert (caught.value.offset, caught.value.key) == (20_000, "00001")


def test_without_fsspec_it_is_said_how_to_get_it(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "fsspec"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ImportError, match=r'needs fsspec: pip install "rushlight\[files\]"'):
        next(iter(ShardDataset("s3://bucket/a.tar")))
