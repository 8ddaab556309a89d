"""Kernels in memory and on disk, and the machine's description."""

import os
import subprocess
import sys

import numpy as np
import pytest

from rushlight.engines.cpu import build, cache, machine, pool
from rushlight.engines.cpu.builder import POINTER
from rushlight.graph.dtype import int64


def adding(number):
    def emit(f):
        place = f.argument(POINTER, 0)
        f.store(f.load(int64, place) + number, place)

    return emit


def run(address):
    value = np.zeros(1, np.int64)
    block = np.array([value.ctypes.data], np.int64)
    steps = np.array([[address, block.ctypes.data, 1]], np.int64)
    pool.run_list(steps.ctypes.data, 1, serial=True)
    return int(value[0])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache, and a process that remembers no kernel."""
    pool.run_list(0, 0, serial=True)  # the pool's own code is not counted
    monkeypatch.setenv("RUSHLIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "_names", {})
    monkeypatch.setattr(build, "_addresses", {})
    return tmp_path / "cache"


@pytest.fixture
def compiled(monkeypatch):
    """The modules that were really compiled."""
    seen, real = [], build.compile_object
    monkeypatch.setattr(build, "compile_object", lambda text: seen.append(text) or real(text))
    return seen


def forget():
    build._names.clear()
    build._addresses.clear()


def test_new_kernels_are_compiled_together_and_once(folder, compiled):
    requests = [(("add", n), adding(n)) for n in (1, 2, 3)]
    addresses = build.kernel_addresses(requests)
    assert [run(address) for address in addresses] == [1, 2, 3]
    assert len(compiled) == 1
    assert build.kernel_addresses(requests) == addresses
    more = build.kernel_addresses([*requests, (("add", 4), adding(4))])
    assert more[:3] == addresses
    assert run(more[3]) == 4
    assert len(compiled) == 2


def test_equal_code_under_two_keys_is_one_kernel(folder, compiled):
    first, second = build.kernel_addresses([("a", adding(7)), ("b", adding(7))])
    assert first == second


def test_another_process_finds_the_code(folder, compiled):
    build.kernel_addresses([(n, adding(n)) for n in (1, 2)])
    forget()
    addresses = build.kernel_addresses([(n, adding(n)) for n in (2, 3)])
    assert [run(address) for address in addresses] == [2, 3]
    assert len(compiled) == 2  # only the kernel that adds 3 was new


def test_objects_that_share_a_kernel_load_together(folder, compiled):
    build.kernel_addresses([(n, adding(n)) for n in (1, 2)])
    forget()
    for path in folder.iterdir():  # as if the entry for 2 had been evicted
        if build._emitted(adding(2))[0] == path.name:
            path.unlink()
    build.kernel_addresses([(n, adding(n)) for n in (2, 3)])
    forget()
    addresses = build.kernel_addresses([(n, adding(n)) for n in (1, 2, 3)])
    assert [run(address) for address in addresses] == [1, 2, 3]


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b"", lambda b: b[:60] + b"x" * 99])
def test_a_damaged_entry_is_built_anew(folder, compiled, damage):
    build.kernel_addresses([("one", adding(1))])
    (path,) = folder.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    forget()
    (address,) = build.kernel_addresses([("one", adding(1))])
    assert run(address) == 1
    assert len(compiled) == 2
    assert cache.read(path.name) is not None


def test_the_oldest_entries_are_evicted(folder, monkeypatch):
    monkeypatch.setattr(cache, "MOST_BYTES", 10_000)
    for number in range(8):
        cache.write([f"k{number}", f"l{number}"], b"x" * 3000)
        for name in (f"k{number}", f"l{number}"):
            os.utime(folder / name, (number, number))
    assert cache.read("k0") is None
    assert cache.read("l0") is None
    assert cache.read("k7") == (["k7", "l7"], b"x" * 3000)
    sizes = {path.stat().st_ino: path.stat().st_size for path in folder.iterdir()}
    assert sum(sizes.values()) <= 10_000


@pytest.mark.skipif(os.name != "posix", reason="needs owners and modes")
def test_a_folder_that_others_may_write_to_is_not_used(folder, compiled):
    folder.mkdir(mode=0o700)
    folder.chmod(0o777)
    (address,) = build.kernel_addresses([("one", adding(1))])
    assert run(address) == 1
    assert not list(folder.iterdir())


def test_the_folder_is_private(folder):
    build.kernel_addresses([("one", adding(1))])
    if os.name == "posix":
        assert folder.stat().st_mode & 0o777 == 0o700


def test_no_cache(folder, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_CACHE", "off")
    (address,) = build.kernel_addresses([("one", adding(1))])
    assert run(address) == 1
    assert not folder.exists()


def test_a_narrower_vector_can_be_asked_for(monkeypatch):
    host = machine.machine()
    narrow = "neon" if host.vector == "neon" else "sse"
    monkeypatch.setenv("RUSHLIGHT_VECTOR", narrow)
    assert machine._chosen(host.vector) == narrow
    monkeypatch.setenv("RUSHLIGHT_VECTOR", "wide")
    with pytest.raises(ValueError, match="RUSHLIGHT_VECTOR"):
        machine._chosen(host.vector)


@pytest.mark.slow
@pytest.mark.skipif(machine.machine().vector == "neon", reason="has one width")
def test_the_narrowest_vectors_compute_the_same():
    """The tests of this folder's kernels pass with 16-byte vectors and without multiply-add."""
    names = ["test_builder.py", "test_contraction.py"]
    files = [os.path.join(os.path.dirname(__file__), name) for name in names]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files]
    environment = os.environ | {"RUSHLIGHT_VECTOR": "sse"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
