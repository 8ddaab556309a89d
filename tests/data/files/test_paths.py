"""Which files are meant."""

import os

import pytest

from rushlight.data.files.paths import files_of


@pytest.fixture
def folder(tmp_path):
    for name in ("b.csv", "a.csv", "c.txt", "deep/d.csv", ".hidden.csv", "_SUCCESS.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


GIVEN = [
    ("", ["a.csv", "b.csv", "deep/d.csv"]),
    ("*.csv", ["_SUCCESS.csv", "a.csv", "b.csv"]),
    ("**/[a-d].*", ["a.csv", "b.csv", "c.txt", "deep/d.csv"]),
    ("c.txt", ["c.txt"]),
    (["b.csv", "deep", "a.csv"], ["b.csv", "deep/d.csv", "a.csv"]),
]


@pytest.mark.parametrize(("given", "names"), GIVEN)
def test_files(given, names, folder):
    paths = [folder / each for each in given] if isinstance(given, list) else folder / given
    found = files_of(paths, (".csv",))
    assert [os.path.relpath(path, folder) for path in found] == names


WRONG = [
    ("none.csv", FileNotFoundError, "no file .*none.csv"),
    ("*.json", FileNotFoundError, "no file fits the pattern"),
    ("s3://bucket/x.csv", ValueError, "is a URL"),
]


@pytest.mark.parametrize(("given", "error", "words"), WRONG)
def test_nothing_there(given, error, words, folder):
    with pytest.raises(error, match=words):
        files_of(given if "://" in given else str(folder / given), (".csv",))


def test_an_empty_folder_and_none(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no file that ends in .csv"):
        files_of(tmp_path, (".csv",))
    with pytest.raises(FileNotFoundError, match="no files given"):
        files_of([], (".csv",))
