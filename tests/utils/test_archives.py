"""Archives of every kind, whole, damaged, and made to do harm."""

import bz2
import gzip
import io
import lzma
import random
import stat
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from rushlight.utils.archives import extract_archive

FILES = {"a.txt": b"one", "folder/b.bin": bytes(1000), "folder/deep/c": b""}
TARS = [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz"]
OPEN = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def write_tar(path, entries, mode="w"):
    with tarfile.open(path, mode) as archive:
        for entry, content in entries:
            entry = tarfile.TarInfo(entry) if isinstance(entry, str) else entry
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def write_zip(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    return path


def tar_mode(suffix):
    kind = {"gz": "gz", "gz2": "", "tgz": "gz", "xz": "xz", "txz": "xz"}.get(suffix[-3:].strip("."))
    return f"w:{kind or ('bz2' if 'b' in suffix else '')}"


def files_in(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture
def packed(tmp_path):
    """Write an archive of that kind into a folder of its own."""

    def write(suffix, entries=None):
        entries = list(FILES.items()) if entries is None else entries
        folder = tmp_path / "packed"
        folder.mkdir(exist_ok=True)
        path = folder / f"archive{suffix}"
        if suffix == ".zip":
            return write_zip(path, entries)
        return write_tar(path, entries, tar_mode(suffix))

    return write


@pytest.mark.parametrize("suffix", [*TARS, ".zip"])
def test_every_kind(packed, tmp_path, suffix):
    archive = packed(suffix)
    found = extract_archive(archive, tmp_path / "out", remove_finished=True)
    assert found == tmp_path / "out"
    assert files_in(tmp_path / "out") == FILES
    assert not archive.exists()


@pytest.mark.parametrize("suffix", OPEN)
def test_a_compressed_file_loses_its_ending(tmp_path, suffix):
    path = tmp_path / f"a.b.txt{suffix}"
    with OPEN[suffix](path, "wb") as file:
        file.write(b"hello")
    assert extract_archive(str(path)) == str(tmp_path / "a.b.txt")
    assert (tmp_path / "a.b.txt").read_bytes() == b"hello"
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_there_is_replaced_or_kept(packed, tmp_path):
    out = tmp_path / "out"
    (out / "folder").mkdir(parents=True)
    (out / "folder" / "b.bin").write_bytes(b"old")
    (out / "folder" / "mine").write_bytes(b"mine")
    extract_archive(packed(".tar"), out)
    assert files_in(out) == {**FILES, "folder/mine": b"mine"}


def test_by_default_it_lands_beside_the_archive(packed):
    archive = packed(".zip")
    assert extract_archive(str(archive)) == str(archive.parent)
    assert (archive.parent / "a.txt").read_bytes() == b"one"


@pytest.mark.parametrize("name", ["plain", "archive.rar", "archive.zip.gz", "archive.7z"])
def test_unknown_kinds(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(RuntimeError, match="suffix"):
        extract_archive(tmp_path / name)


# ---------------------------------------------------------------------------------- made to do harm
def kind(number, name="evil", target="/etc/passwd"):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = number, target
    return entry


NAMES = ["../evil", "/evil", "a/../../evil", "a/..", "..", "C:evil", "c:/evil", "..\\evil", "a\\b"]
KINDS = {
    "symbolic link": kind(tarfile.SYMTYPE),
    "hard link": kind(tarfile.LNKTYPE, target="../x"),
    "device": kind(tarfile.CHRTYPE),
    "block device": kind(tarfile.BLKTYPE),
    "pipe": kind(tarfile.FIFOTYPE),
}


def refuse(archive, tmp_path, words):
    out = tmp_path / "some" / "out"
    before = files_in(tmp_path)
    with pytest.raises(RuntimeError, match=words) as caught:
        extract_archive(archive, out)
    assert archive.name in str(caught.value)
    assert files_in(tmp_path) == before
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".zip"])
@pytest.mark.parametrize("name", NAMES)
def test_names_that_lead_elsewhere(packed, tmp_path, name, suffix):
    refuse(packed(suffix, [("good", b"1"), (name, b"2")]), tmp_path, "leads out of the folder")


@pytest.mark.parametrize("name", KINDS)
def test_entries_that_are_no_files(packed, tmp_path, name):
    refuse(packed(".tar", [("good", b"1"), (KINDS[name], b"")]), tmp_path, "no file and no folder")


def test_a_file_behind_a_link(packed, tmp_path):
    entries = [(kind(tarfile.SYMTYPE, "a", "/tmp"), b""), ("a/evil", b"2")]
    refuse(packed(".tar", entries), tmp_path, "no file and no folder")


def test_links_in_zip_files(packed, tmp_path):
    entry = zipfile.ZipInfo("evil")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    refuse(packed(".zip", [("good", b"1"), (entry, b"/etc/passwd")]), tmp_path, "no file and no")


def test_sparse_files(tmp_path):
    entry = tarfile.TarInfo("hole")
    entry.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.size": str(1 << 40)}
    entry.pax_headers["GNU.sparse.map"] = "0,0"
    path = write_tar(tmp_path / "a.tar", [(entry, b"")])
    refuse(path, tmp_path, "no file and no folder")


@pytest.mark.parametrize("suffix", [".tar.gz", ".zip", ".tar.xz"])
def test_bombs(packed, tmp_path, suffix, monkeypatch):
    monkeypatch.setattr("rushlight.utils.archives._FREE", 1 << 16)
    refuse(packed(suffix, [("zeros", bytes(1 << 22))]), tmp_path, "unfolds to more than")


def test_bombs_of_names(packed, tmp_path, monkeypatch):
    monkeypatch.setattr("rushlight.utils.archives._FREE", 1 << 16)
    refuse(packed(".tar.gz", [("x" * 50_000_00, b"")]), tmp_path, "unfolds to more than")
    refuse(packed(".tar.gz", [(f"{n}", b"") for n in range(2000)]), tmp_path, "unfolds to more")


@pytest.mark.parametrize("suffix", OPEN)
def test_compressed_bombs(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr("rushlight.utils.archives._FREE", 1 << 16)
    path = tmp_path / f"zeros{suffix}"
    with OPEN[suffix](path, "wb") as file:
        file.write(bytes(1 << 22))
    refuse(path, tmp_path, "unfolds to more than")


def test_encrypted_entries(packed, tmp_path):
    archive = packed(".zip", [("secret", b"1")])
    content = bytearray(archive.read_bytes())
    for place in (6, content.index(b"PK\1\2") + 8):
        content[place] |= 1
    archive.write_bytes(content)
    refuse(archive, tmp_path, "is encrypted")


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".zip", ".gz"])
def test_damage_is_told(packed, tmp_path, suffix):
    """Cut anywhere it is refused, or cut between two entries of a plain tar file."""
    noise = random.Random(0).randbytes(3000)
    if suffix == ".gz":
        archive = tmp_path / "noise.gz"
        archive.write_bytes(gzip.compress(noise, mtime=0))
    else:
        archive = packed(suffix, [("a", noise), ("b/c", b"x" * 600), ("d", b"")])
    content = archive.read_bytes()
    end = content.rindex(b"d\0\0") if suffix == ".tar" else len(content) - 1
    for cut in random.Random(1).sample(range(end), 25):
        archive.write_bytes(content[:cut])
        out = tmp_path / f"cut{cut}"
        try:
            extract_archive(archive, out)
        except RuntimeError:
            assert files_in(out) == {}
        else:
            assert suffix == ".tar"
            assert cut % 512 == 0


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".zip"])
def test_changed_bytes_are_told_or_bear_no_harm(packed, tmp_path, suffix):
    chance = random.Random(2)
    archive = packed(suffix, [("a", chance.randbytes(300)), ("b/c", b"x" * 600), ("d/e", b"")])
    content = archive.read_bytes()
    for number in range(150):
        changed = bytearray(content)
        for _ in range(chance.choice([1, 1, 2, 8])):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        archive.write_bytes(changed)
        try:
            extract_archive(archive, tmp_path / "out" / str(number))
        except RuntimeError as problem:
            assert archive.name in str(problem)  # noqa: PT017
    assert {path.name for path in tmp_path.iterdir()} == {"packed", "out"}


def test_a_file_that_is_also_a_folder(packed, tmp_path):
    for suffix in (".tar", ".zip"):
        refuse(packed(suffix, [("a", b"1"), ("a/b", b"2")]), tmp_path, "damaged")


@pytest.mark.parametrize("place", [1, 100, 150, 520, 1030])
def test_a_changed_header_is_no_end(packed, tmp_path, place):
    archive = packed(".tar", [("a", b""), ("b", b""), ("c", b"")])
    content = bytearray(archive.read_bytes())
    content[place] ^= 0x15
    archive.write_bytes(content)
    refuse(archive, tmp_path, "damaged")


def test_several_may_unpack_the_same_at_once(packed, tmp_path):
    """Whoever looks meanwhile finds each file whole, or not yet."""
    entries = [(f"{n % 7}/{n % 5}/{n}.bin", bytes([n]) * 1000) for n in range(100)]
    archive, out, problems = packed(".tar", entries), tmp_path / "out", []

    def unpack():
        try:
            for _ in range(3):
                extract_archive(archive, out)
        except OSError as problem:
            problems.append(problem)

    threads = [threading.Thread(target=unpack) for _ in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if out.exists():
            assert {len(path.read_bytes()) for path in out.glob("[0-9]/*/*.bin")} <= {1000}
    assert not problems
    assert files_in(out) == dict(entries)
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_no_archive(tmp_path):
    with pytest.raises(FileNotFoundError):
        extract_archive(Path(tmp_path) / "none.zip")
