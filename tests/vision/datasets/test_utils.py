"""Fetching, checking and unpacking, by torchvision's names."""

import gzip
import hashlib
import io
import zipfile

import pytest

from rushlight.utils.download import DownloadError
from rushlight.vision.datasets import utils
from tests.utils.serving import serving, whole

CONTENT = b"rushlight" * 1000
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with serving() as found:
        yield found


@pytest.mark.parametrize("filename", [None, "other.bin"])
def test_a_file_takes_the_name_of_its_address(server, tmp_path, filename):
    url = server.at("/a/b%20c.bin?x=1/y", whole(CONTENT))
    utils.download_url(url, str(tmp_path / "in"), filename, md5=MD5)
    assert (tmp_path / "in" / (filename or "b c.bin")).read_bytes() == CONTENT
    with pytest.raises(ValueError, match="give a filename"):
        utils.download_url(server.url + "/", tmp_path)
    with pytest.raises(DownloadError):
        utils.download_url(server.url + "/none", tmp_path)


def test_an_archive_is_fetched_and_unpacked(server, tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/b.txt", "hello")
    url = server.at("/x.zip", whole(file.getvalue()))
    utils.download_and_extract_archive(url, tmp_path, tmp_path / "out", remove_finished=True)
    assert (tmp_path / "out" / "a" / "b.txt").read_text() == "hello"
    assert not (tmp_path / "x.zip").exists()
    url = server.at("/y", whole(gzip.compress(b"hi")))
    utils.download_and_extract_archive(url, str(tmp_path), filename="y.txt.gz")
    assert (tmp_path / "y.txt").read_bytes() == b"hi"


def test_checks(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert utils.calculate_md5(path) == MD5
    assert utils.check_md5(path, MD5, chunk_size=10)
    assert utils.check_integrity(path)
    assert utils.check_integrity(str(path), MD5)
    assert not utils.check_integrity(path, MD5[::-1])
    assert not utils.check_integrity(tmp_path / "none")


def test_lists(tmp_path):
    for name in ("a.png", "b.txt", "c.png/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert utils.list_dir(tmp_path) == ["c.png"]
    assert utils.list_dir(str(tmp_path), prefix=True) == [str(tmp_path / "c.png")]
    assert utils.list_files(tmp_path, ".png") == ["a.png"]
    found = utils.list_files(tmp_path, (".png", ".txt"), prefix=True)
    assert sorted(found) == [str(tmp_path / "a.png"), str(tmp_path / "b.txt")]


def test_arguments_that_are_words():
    assert utils.verify_str_arg("a") == "a"
    assert utils.verify_str_arg("a", "letter", iter("ab")) == "a"
    for value, options, words in [
        (1, {}, r"Expected type str, but got type <class 'int'>\."),
        (None, {"arg": "x"}, "Expected type str for argument x, but got"),
        ("c", {"arg": "x", "valid_values": ("a", "b")}, r"Unknown value 'c'.*\{'a', 'b'\}"),
        ("c", {"valid_values": "ab", "custom_msg": "a or b"}, "^a or b$"),
    ]:
        with pytest.raises(ValueError, match=words):
            utils.verify_str_arg(value, **options)


def test_what_a_browser_must_ask_for():
    with pytest.raises(NotImplementedError, match="Google Drive"):
        utils.download_file_from_google_drive("id", "root")
