"""The cache on disk, with real damage, foreign files, full disks and many processes."""

import os
import subprocess
import sys
import time
import warnings

import pytest

from rushlight import cli
from rushlight.engines.cpu import build, cache
from tests.engines.cpu.test_build import adding, compiled, folder, forget, run  # noqa: F401

needs_posix = pytest.mark.skipif(os.name != "posix", reason="needs owners, modes and limits")


def build_one(number=1, lasting=False):
    (address,) = build.kernel_addresses([(("add", number), adding(number))], lasting)
    assert run(address) == number


def objects_in(place):
    return sorted(place.glob("k*"))


DAMAGE = {
    "cut": lambda b: b[:-9],
    "empty": lambda b: b"",
    "half": lambda b: b[: len(b) // 2],
    "zeros": lambda b: bytes(len(b)),
    "longer": lambda b: b + b"x",
    "other format": lambda b: b"rushlight entry 1\n" + b[18:],
    "not ours": lambda b: b"#!/bin/sh\nexit\n",
} | {f"bit {at}": (lambda b, at=at: flipped(b, at)) for at in (0, 20, 60, 95, 130, -1)}


def flipped(content, at):
    changed = bytearray(content)
    changed[at] ^= 4
    return bytes(changed)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_built_anew(folder, compiled, damage):  # noqa: F811
    build_one(lasting=True)
    for path in [*folder.glob("k*"), *folder.glob("s*")]:
        path.write_bytes(damage(path.read_bytes()))
    forget()
    build_one(lasting=True)
    assert len(compiled) == 2
    forget()
    build_one(lasting=True)
    assert len(compiled) == 2


def test_an_entry_under_another_name_is_not_taken(folder, compiled):  # noqa: F811
    build_one(1)
    build_one(2)
    first, second = objects_in(folder)
    first.write_bytes(second.read_bytes())
    forget()
    build_one(1)
    build_one(2)
    assert len(compiled) == 3


def test_foreign_files_are_left_alone(folder, compiled):  # noqa: F811
    folder.mkdir(mode=0o700)
    (folder / "notes.txt").write_text("mine")
    (folder / "kitchen").mkdir()
    build_one()
    build.store().clear()
    assert sorted(path.name for path in folder.iterdir()) == ["kitchen", "notes.txt"]


def test_a_folder_where_an_entry_should_be(folder, compiled):  # noqa: F811
    name = build._emitted(adding(1))[0]
    (folder / name / "inside").mkdir(parents=True)
    folder.chmod(0o700)
    build_one()
    assert (folder / name / "inside").is_dir()


def test_the_oldest_entries_are_removed(folder, monkeypatch):  # noqa: F811
    monkeypatch.setenv("RUSHLIGHT_CACHE_SIZE", "64K")
    place = cache.store()
    names = [cache.name_of("k", str(number)) for number in range(40)]
    others = [cache.name_of("l", str(number)) for number in range(40)]
    for second, pair in enumerate(zip(names, others, strict=True)):
        place.write(pair, b"x" * 3000)
        for name in pair:
            os.utime(folder / name, (second, second))
        assert place.usage().nbytes <= 64 << 10
    assert place.read(names[0]) is None
    assert place.read(others[0]) is None
    assert place.read(names[39]) == ([names[39], others[39]], b"x" * 3000)


def test_what_is_used_stays(folder, monkeypatch):  # noqa: F811
    monkeypatch.setenv("RUSHLIGHT_CACHE_SIZE", "64K")
    place = cache.store()
    kept = cache.name_of("k", "kept")
    place.write([kept], b"kept")
    for number in range(60):
        place.write([cache.name_of("k", str(number))], b"x" * 3000)
        assert place.read(kept) == ([kept], b"kept")
        time.sleep(0.001)


@pytest.mark.parametrize("size", ["0", "300"])
def test_an_entry_that_does_not_fit_is_not_kept(folder, monkeypatch, compiled, size):  # noqa: F811
    monkeypatch.setenv("RUSHLIGHT_CACHE_SIZE", size)
    build_one()
    assert not objects_in(folder)


def test_sizes_are_numbers_with_units(monkeypatch):
    for text, nbytes in {"1": 1, "2k": 2048, "3 MiB": 3 << 20, "1GB": 1 << 30}.items():
        monkeypatch.setenv("RUSHLIGHT_CACHE_SIZE", text)
        assert cache.most_bytes() == nbytes
    monkeypatch.setenv("RUSHLIGHT_CACHE_SIZE", "much")
    with pytest.raises(ValueError, match="RUSHLIGHT_CACHE_SIZE"):
        cache.most_bytes()


def test_what_a_killed_process_left_is_removed(folder):  # noqa: F811
    place = cache.store()
    old, new = folder / "new-1", folder / "new-2"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    place.usage()
    assert not old.exists()
    assert new.exists()


@needs_posix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_may_write_to_is_not_used(folder, compiled, mode):  # noqa: F811
    folder.mkdir()
    folder.chmod(mode)
    with pytest.warns(RuntimeWarning, match="may be written to by other users"):
        build_one()
    assert not list(folder.iterdir())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_one(2)  # once is enough


@needs_posix
def test_a_folder_of_somebody_else_is_not_used(folder, compiled, monkeypatch):  # noqa: F811
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(folder, 12345, 12345)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.warns(RuntimeWarning, match="belongs to another user"):
        build_one()
    assert not list(folder.iterdir())


@needs_posix
def test_the_folder_is_private(folder):  # noqa: F811
    build_one()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_no_cache(folder, monkeypatch):  # noqa: F811
    monkeypatch.setenv("RUSHLIGHT_CACHE", "off")
    build_one()
    assert not folder.exists()


def test_a_place_where_no_folder_can_be_made(folder, monkeypatch):  # noqa: F811
    folder.write_text("a file")
    monkeypatch.setenv("RUSHLIGHT_CACHE", str(folder / "inside"))
    build_one()


LIMITED = """
import resource
from tests.engines.cpu.test_cache import build_one
from rushlight.engines.cpu import pool
pool.run_list(0, 0, serial=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
build_one(lasting=True)
"""

MANY = """
import sys
from tests.engines.cpu.test_cache import build_one, forget
for turn in range(3):
    for number in range(1, 7):
        build_one(int(sys.argv[1]) + number, lasting=True)
    forget()
print("done")
"""


def start(program, folder, *arguments, **variables):  # noqa: F811
    environment = os.environ | {"RUSHLIGHT_CACHE": str(folder)} | variables
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@needs_posix
def test_a_full_disk(folder):  # noqa: F811
    """No file can grow beyond 300 bytes: writing fails in the middle."""
    process = start(LIMITED, folder)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert not objects_in(folder)
    assert not list(folder.glob("new-*"))


@pytest.mark.parametrize("size", ["256M", "40K"])
def test_many_processes_share_a_folder(folder, size):  # noqa: F811
    """They begin together, build the same kernels, and (40K) remove each other's."""
    numbers = [0, 0, 3, 3]
    running = [start(MANY, folder, str(n), RUSHLIGHT_CACHE_SIZE=size) for n in numbers]
    for process in running:
        output, errors = process.communicate()
        assert (process.returncode, output) == (0, "done\n"), errors
    place = cache.Store(folder)
    assert not list(folder.glob("new-*"))
    for path in folder.iterdir():
        assert place.read(path.name) is not None
    if size == "40K":
        assert place.usage().nbytes <= 80 << 10


def test_the_command(folder, monkeypatch, capsys):  # noqa: F811
    build_one()
    assert cli.main(["cache"]) == 0
    shown = capsys.readouterr().out
    assert str(folder) in shown
    assert "256.0 MiB" in shown
    assert cli.main(["cache", "--clear"]) == 0
    assert not list(folder.iterdir())
    monkeypatch.setenv("RUSHLIGHT_CACHE", "off")
    assert cli.main(["cache"]) == 0
    assert "off" in capsys.readouterr().out
