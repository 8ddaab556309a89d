"""Kernels from IR to addresses, and the machine's description; `test_cache.py` has the disk."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from rushlight.engines.cpu import build, machine, objects, pool, processor, structure
from rushlight.engines.cpu.builder import POINTER
from rushlight.engines.cpu.kernel import Op
from rushlight.engines.cpu.roles import Role
from rushlight.graph.dtype import float64, int64, uint64


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


def test_a_structure_is_found_without_its_code_being_written(folder, compiled):
    def never(f):
        raise AssertionError("the IR is not needed")

    first = build.kernel_addresses([(("add", n), adding(n)) for n in (1, 2)], lasting=True)
    assert [run(address) for address in first] == [1, 2]
    forget()
    (address,) = build.kernel_addresses([(("add", 2), never)], lasting=True)
    assert run(address) == 2
    forget()
    for path in folder.glob("k*"):  # the structure is known, but the code has been evicted
        path.unlink()
    (address,) = build.kernel_addresses([(("add", 2), adding(2))], lasting=True)
    assert run(address) == 2
    assert len(compiled) == 2


def test_a_key_that_no_other_process_can_know_does_not_last(folder, compiled):
    for _ in range(2):
        build.kernel_addresses([((object(), 1), adding(1))], lasting=True)
        forget()
    assert not list(folder.glob("s*"))
    assert len(compiled) == 1  # its code is found by its IR all the same


def test_keys_that_differ_have_different_texts():
    keys = [1, True, 1.0, -0.0, 0.0, "1", (1,), ((1,),), (1, None), Role.MAP, int64, uint64, b"1"]
    keys += [Op("load", int64), Op("load", int64, (1,)), ("load", int64, (1,), None)]
    texts = [structure.text_of(key) for key in keys]
    assert "" not in texts
    assert len(set(texts)) == len(keys)
    assert structure.text_of(Role) == structure.text_of((1, lambda: 1)) == ""


def test_another_source_or_compiler_has_other_names(monkeypatch):
    before = structure.name_of_structure(1), structure.name_of_code("text")
    assert before == (structure.name_of_structure(1), structure.name_of_code("text"))
    monkeypatch.setattr(structure, "_source", lambda: "other")
    assert structure.name_of_structure(1) != before[0]
    assert structure.name_of_code("text") == before[1]
    monkeypatch.setattr(structure, "_environment", lambda: "other")
    assert structure.name_of_code("text") != before[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_builds_though_another_thread_was_building(folder):
    built, asked = threading.Event(), threading.Event()

    def hold():
        with build._lock:
            asked.set()
            built.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    asked.wait()
    child = os.fork()
    if not child:
        signal.alarm(60)  # a lock that is never released ends it
        try:
            (address,) = build.kernel_addresses([("one", adding(1))])
            os._exit(run(address))
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    built.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 1


def test_all_source_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(structure, "_FOLDERS", (tmp_path,))
    seen = []
    for name, text in (("a.py", "1"), ("b/c.py", "1"), ("b/c.py", "2"), ("b/d.py", "")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + name)
        seen.append(structure._source.__wrapped__())
    assert len(set(seen)) == 4
    assert structure._source.__wrapped__() == seen[-1]


CONSTANTS = (0.125, 3.5, -7.0, 1e30)


def looking_up(f):
    """x -> x * 0.125 + 3.5 in vectors: constants lie in sections of their own."""
    place = f.argument(POINTER, 0)
    for i, constant in enumerate(CONSTANTS):
        value = f.load(float64, place, 2 * i, 2)
        f.store(
            value * f.constant(constant, float64, 2) + f.iota(int64, 2).cast(float64), place, 2 * i
        )


@pytest.mark.parametrize("loader", ["own", "LLVM"])
def test_both_loaders_make_the_same_of_an_object(folder, monkeypatch, loader):
    if loader == "LLVM":
        monkeypatch.setattr(build, "load_object", lambda code: None)
    (address,) = build.kernel_addresses([("looking up", looking_up)])
    values = np.arange(8.0)
    expected = values * np.repeat(CONSTANTS, 2) + np.tile([0.0, 1.0], 4)
    block = np.array([values.ctypes.data], np.int64)
    steps = np.array([[address, block.ctypes.data, 1]], np.int64)
    pool.run_list(steps.ctypes.data, 1, serial=True)
    assert values.tolist() == expected.tolist()


def test_what_calls_a_library_needs_a_linker():
    text = """declare double @cos(double)
    define double @turned(double %x) {
      %y = call double @cos(double %x)
      ret double %y
    }"""
    assert objects.load_object(build.compile_object(text)) is None


@pytest.mark.parametrize("code", [b"", b"\x7fELF", b"\x7fELF\x02\x01" + b"\xff" * 200, b"MZ" * 99])
def test_what_is_no_object_is_not_loaded(code):
    assert objects.load_object(code) is None


WARM = """
import sys
import rushlight as rl
from rushlight.engines.cpu import build
build.compile_object = None
x = rl.arange(60000.0).reshape(300, 200).requires_grad_()
loss = ((x @ x.T).tanh() + (x / 60000).exp().sum(1)).mean()
loss.backward()
print(loss.item(), x.grad.sum().item(), "llvmlite" in sys.modules)
"""


@pytest.mark.skipif(not objects.IS_SUPPORTED, reason="LLVM loads objects on this platform")
@pytest.mark.skipif(bool(os.environ.get("RUSHLIGHT_GUARD")), reason="needs no other mode")
def test_a_program_whose_code_is_on_disk_loads_no_llvm(tmp_path):
    cold = run_python(WARM.replace("build.compile_object = None", ""), tmp_path).split()
    warm = run_python(WARM, tmp_path).split()
    assert cold == [*warm[:2], "True"]
    assert warm[2] == "False"


def run_python(program, folder, **variables):
    environment = os.environ | {"RUSHLIGHT_ENGINE": "cpu", "RUSHLIGHT_CACHE": str(folder)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env=environment | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_processor_is_described_once(folder, monkeypatch):
    asked = []
    real = processor._asked
    monkeypatch.setattr(processor, "_asked", lambda: asked.append(1) or real())
    first, second = processor.processor.__wrapped__(), processor.processor.__wrapped__()
    assert first == second
    assert len(asked) == (1 if processor._evidence() else 2)


def test_other_vectors_can_be_asked_for(monkeypatch):
    host = machine.machine()
    for other in ("neon",) if host.vector == "neon" else ("sse", "avx2", "avx512"):
        monkeypatch.setenv("RUSHLIGHT_VECTOR", other)
        assert machine._chosen(host.vector) == other
    monkeypatch.setenv("RUSHLIGHT_VECTOR", "wide")
    with pytest.raises(ValueError, match="RUSHLIGHT_VECTOR"):
        machine._chosen(host.vector)


@pytest.mark.slow
@pytest.mark.skipif(machine.machine().vector == "neon", reason="has one width")
@pytest.mark.parametrize("vector", ["sse", "avx512"])
def test_the_narrowest_and_the_widest_vectors_compute_the_same(vector):
    """The tests of this folder's kernels pass with 16-byte vectors and without multiply-add.

    And with 64-byte vectors, also on machines that have no such registers.
    """
    names = ["test_builder.py", "test_contraction.py"]
    files = [os.path.join(os.path.dirname(__file__), name) for name in names]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files]
    environment = os.environ | {"RUSHLIGHT_VECTOR": vector}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
