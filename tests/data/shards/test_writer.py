"""Writing shards: whole or not at all, and the same bytes each time."""

import os
import tarfile

import numpy as np
import pytest

from rushlight.data import ShardDataset, ShardWriter, TarWriter
from tests.data.shards.making import numbers, row, write_shards

SAMPLE = {"__key__": "k/0001", "txt": "words", "cls": 3, "json": {"a": [1]}, "npy": row(7)}


def test_what_is_written_is_read_back_by_others_too(tmp_path):
    path = tmp_path / "a.tar"
    with TarWriter(path) as writer:
        writer.write(SAMPLE | {"bin": b"\0" * 700, "__note__": "is not written"})
        writer.write({"__key__": "långt/" * 40 + "é", "long.name.txt": "x"})
        assert not path.exists()
    with tarfile.open(path) as tar:
        names = tar.getnames()
        assert names[:3] == ["k/0001.txt", "k/0001.cls", "k/0001.json"]
        assert tar.extractfile("k/0001.txt").read() == b"words"
        assert {member.mtime for member in tar} == {0}
    first, second = ShardDataset(path).decode()
    assert (first["txt"], first["cls"], first["json"]) == ("words", 3, {"a": [1]})
    assert np.array_equal(first["npy"], row(7))
    assert second["__key__"] == "långt/" * 40 + "é"
    assert path.stat().st_size % 10240 == 0


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_the_same_samples_make_the_same_bytes(ending, tmp_path):
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (url,) = write_shards(tmp_path / name, [4], ending, npy=row)
        with open(url, "rb") as file:
            found.append(file.read())
    assert found[0] == found[1]


def test_shards_are_cut_by_number_and_by_size(tmp_path):
    with ShardWriter(str(tmp_path / "n-%03d.tar"), maxcount=3, start_shard=5) as writer:
        for number in range(8):
            writer.write({"__key__": f"{number}", "cls": number})
    assert writer.total == 8
    names = sorted(name for name in os.listdir(tmp_path) if name.endswith(".tar"))
    assert names == ["n-005.tar", "n-006.tar", "n-007.tar"]
    with ShardWriter(str(tmp_path / "s-%d.tar"), maxsize=4000) as writer:
        for number in range(8):
            writer.write({"__key__": f"{number}", "cls": number, "bin": bytes(500)})
    assert writer.shard == 4
    assert numbers(ShardDataset(str(tmp_path / "s-{0..3}.tar"), lanes=1).decode()) == list(range(8))


def test_after_an_error_the_shard_begun_does_not_appear(tmp_path):
    def write():
        with ShardWriter(str(tmp_path / "a-%d.tar"), maxcount=2) as writer:
            for number in range(3):
                writer.write({"__key__": f"{number}", "cls": number})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert sorted(os.listdir(tmp_path)) == ["a-0.tar", "a-0.tar.index"]


BAD = [
    ({"cls": 1}, ValueError, "needs a text as its __key__, but has None"),
    ({"__key__": 5, "cls": 1}, ValueError, "but has 5"),
    ({"__key__": "a"}, ValueError, "sample 'a' has no field"),
    ({"__key__": "../a", "cls": 1}, ValueError, "leads out of the archive"),
    ({"__key__": "/a", "cls": 1}, ValueError, "leads out of the archive"),
    ({"__key__": "a.b", "cls": 1}, ValueError, "would be read back as another"),
    ({"__key__": "a", "TXT": "1"}, ValueError, "would be read back as another"),
    ({"__key__": "a", "x/y": b"1"}, ValueError, "would be read back as another"),
    ({"__key__": "a/", "txt": "1"}, ValueError, "would be read back as another"),
    ({"__key__": "again", "cls": 1}, ValueError, "'again' has been written before"),
    ({"__key__": "a", "pkl": [1]}, ValueError, "would be a pickle"),
    ({"__key__": "a", "xyz": [1]}, TypeError, "no encoder for the field 'xyz'"),
]


@pytest.mark.parametrize(("sample", "error", "words"), BAD)
def test_bad_samples_leave_the_tar_as_it_was(sample, error, words, tmp_path):
    with TarWriter(tmp_path / "a.tar") as writer:
        writer.write({"__key__": "again", "cls": 1})
        with pytest.raises(error, match=words):
            writer.write(sample)
        writer.write({"__key__": "more", "cls": 2})
    assert numbers(ShardDataset(tmp_path / "a.tar").decode()) == [1, 2]


@pytest.mark.parametrize("pattern", ["a.tar", "a-%s-%d.tar", "a-{:d}.tar"])
def test_a_pattern_needs_a_place_for_the_number(pattern):
    with pytest.raises(ValueError, match="number"):
        ShardWriter(pattern)


def test_only_local_files(tmp_path):
    with pytest.raises(ValueError, match="written to local files"):
        TarWriter("s3://bucket/a.tar")
    with pytest.raises(FileNotFoundError):
        TarWriter(tmp_path / "missing" / "a.tar")
