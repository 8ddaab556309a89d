import pathlib

import pytest

from rushlight.data.shards import shard_urls
from rushlight.data.shards.urls import expand_braces

NAMES = [
    ("a.tar", ["a.tar"]),
    ("a-{0..3}.tar", ["a-0.tar", "a-1.tar", "a-2.tar", "a-3.tar"]),
    ("a-{008..011}.tar", ["a-008.tar", "a-009.tar", "a-010.tar", "a-011.tar"]),
    ("a-{3..1}.tar", ["a-3.tar", "a-2.tar", "a-1.tar"]),
    ("{x,y}-{0..1}.tar", ["x-0.tar", "x-1.tar", "y-0.tar", "y-1.tar"]),
    ("{x,y{1..2},}.tar", ["x.tar", "y1.tar", "y2.tar", ".tar"]),
    ("s3://bucket/{a,b}.tar", ["s3://bucket/a.tar", "s3://bucket/b.tar"]),
    ("http://host/a.tar?x=1", ["http://host/a.tar?x=1"]),
    (["a.tar", "b-{0..1}.tar"], ["a.tar", "b-0.tar", "b-1.tar"]),
    (pathlib.Path("odd{name.tar"), ["odd{name.tar"]),
]


@pytest.mark.parametrize(("given", "expected"), NAMES)
def test_names(given, expected):
    assert shard_urls(given) == expected


def test_globs_are_sorted_and_a_file_with_such_a_name_is_itself(tmp_path):
    for name in ["b.tar", "a.tar", "a[1].tar", "c.txt"]:
        (tmp_path / name).touch()
    names = ["a.tar", "a[1].tar", "b.tar"]
    assert shard_urls(f"{tmp_path}/*.tar") == [str(tmp_path / name) for name in names]
    assert shard_urls(f"file://{tmp_path}/a.tar") == [f"file://{tmp_path}/a.tar"]
    assert shard_urls(f"{tmp_path}/a[1].tar") == [str(tmp_path / "a[1].tar")]


def test_globs_of_other_file_systems():
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    for name in ["b.tar", "a.tar"]:
        system.pipe(f"/globs/{name}", b"")
    assert shard_urls("memory://globs/*.tar") == ["memory:///globs/a.tar", "memory:///globs/b.tar"]


BAD = [
    ([], ValueError, "the list of names is empty"),
    ("a-{0..3.tar", ValueError, "the brace at position 2 of 'a-{0..3.tar' is never closed"),
    ("a-{0..99999999999}.tar", ValueError, "more than 100000 names"),
    ("{0..9}" * 12, ValueError, "more than 100000 names"),
    ("/nowhere/*.tar", FileNotFoundError, "no shard fits"),
    ("pipe:curl http://x", ValueError, "would run a command"),
]


@pytest.mark.parametrize(("given", "error", "words"), BAD)
def test_bad_names(given, error, words):
    from rushlight.data import ShardDataset

    with pytest.raises(error, match=words):
        next(iter(ShardDataset(given)))


def test_expansion_does_not_depend_on_the_depth():
    assert expand_braces("{" * 50 + "a" + "}" * 50) == ["a"]
