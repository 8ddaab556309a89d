"""Real signals, forks and lack of memory, in processes of their own."""

import os
import sys

import pytest

from tests.semantics import fresh


def run_fresh(program, threads=None):
    settings = {} if threads is None else {"RUSHLIGHT_NUM_THREADS": threads}
    return fresh.run_fresh(program, **settings).strip()


BEGIN = """
import os, signal, threading, time
import numpy as np
import rushlight as rl
rl.use_engine("cpu")
signal.signal(signal.SIGINT, signal.default_int_handler)

def chain(x, count):
    for _ in range(count):
        x = x - x @ x * 0.001
    return x

def later(seconds):
    threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT)).start()

x = rl.eye(400) * 0.5
weight = rl.ones(400, 400)
expected = chain(x, 2).numpy().copy()
for _ in range(2):
    started = time.perf_counter()
    weight.add_(chain(x, 300)[0, 1] * 0 + 0)
    rl.sync()
    whole = time.perf_counter() - started  # of the second time, when everything is compiled
"""

LONG_LIST = """
for _ in range(20):  # the signal may come before or after the list
    before = float(weight[0, 0])
    weight.add_(chain(x, 300)[0, 1] * 0 + 1)
    later(whole / 3)
    stopped = False
    try:
        rl.sync()
        time.sleep(whole)
    except KeyboardInterrupt:
        stopped = float(weight[0, 0]) == before
    assert (weight.numpy() == before + (not stopped)).all()
    if stopped:
        break
assert (chain(x, 2).numpy() == expected).all()
before = weight.numpy().copy()
weight.add_(1)
assert (weight.numpy() == before + 1).all()
print("stopped", stopped)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends itself a signal")
@pytest.mark.parametrize("threads", [1, 3])
def test_an_interrupt_stops_a_long_list_between_kernels(threads):
    assert run_fresh(BEGIN + LONG_LIST, threads) == "stopped True"


IN_A_THREAD = """
results, done = [], threading.Event()
def work():
    results.append(chain(x, 300).numpy())
    done.set()
thread = threading.Thread(target=work)
thread.start()
later(whole / 3)
try:
    done.wait()
    time.sleep(whole)
    print("done")
except KeyboardInterrupt:
    print("interrupted")
done.wait()
assert len(results) == 1 and np.isfinite(results[0]).all()
assert (chain(x, 2).numpy() == expected).all()
"""


@pytest.mark.skipif(os.name != "posix", reason="sends itself a signal")
def test_an_interrupt_while_another_thread_computes():
    assert run_fresh(BEGIN + IN_A_THREAD) == "interrupted"


OWN_HANDLER = """
seen = []
def handler(*_):  # as of a program that saves what it has before it ends
    seen.append(float(weight.sum()))
signal.signal(signal.SIGINT, handler)
weight.add_(chain(x, 300)[0, 1] * 0 + 1)
later(whole / 3)
rl.sync()
time.sleep(whole)
print(seen)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends itself a signal")
def test_a_handler_of_ones_own_finds_whole_values():
    assert run_fresh(BEGIN + OWN_HANDLER) == "[320000.0]"


MEMORY = """
import re, resource, sys
import rushlight as rl
rl.use_engine("{engine}")
x = rl.ones(30000, 1)
small = rl.ones(3)
(x.t() @ x).item()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), resource.RLIM_INFINITY))
small.add_(1)
y = {operation}
try:
    rl.sync()
    {read}
    print("no error")
except MemoryError as error:
    print(error)
assert small.tolist() == [1, 1, 1]
del y
print(rl.ones(1000, 1000).exp().sum().item() > 0)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits its address space")
@pytest.mark.parametrize("engine", ["cpu", "reference"])
@pytest.mark.parametrize(
    ("operation", "read", "words"),
    [
        ("x @ x.t()", "pass", "not enough memory for contract of float32[30000, 30000]"),
        ("(x @ x.t()).sum(1)", "pass", "not enough memory for contract of float32[30000, 30000]"),
        ("x + x.t()", "pass", "not enough memory for add of float32[30000, 30000]"),
    ],
)
def test_lack_of_memory_names_the_value_and_the_line(engine, operation, read, words):
    code = MEMORY.format(engine=engine, operation=operation, read=read)
    *said, last = run_fresh(code).splitlines()
    assert words in said[0] or engine == "reference"
    assert "bytes were asked for" in said[0]
    assert "3,600,000,000 bytes" in said[0] or "on the way" in said[0]
    assert "recorded at" in said[1]
    assert last == "True"


FORK = """
import os, threading, time
import numpy as np
import rushlight as rl
rl.use_engine("cpu")
x = rl.rand(300, 300)
expected = (x @ x).exp().sum(1).numpy().copy()
stop = threading.Event()
def busy():
    y = rl.rand(300, 300)
    while not stop.is_set():
        (y @ y).tanh().sum().item()
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
children = []
for _ in range(10):
    child = os.fork()
    if not child:
        same = (x @ x).exp().sum(1).numpy() == expected
        os._exit(0 if same.all() and rl.get_num_threads() == 3 else 1)
    children.append(child)
    time.sleep(0.01)
codes = [os.waitpid(child, 0)[1] for child in children]
stop.set()
for thread in threads:
    thread.join()
print(codes)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forks_while_other_threads_compute():
    done = run_fresh(FORK, threads=3)
    assert done == str([0] * 10)


WORKERS = """
import multiprocessing
import rushlight as rl
rl.use_engine("cpu")

def work(seed):
    rl.manual_seed(seed)
    x = rl.randn(200, 200)
    return rl.get_num_threads(), (x @ x).softmax(1).sum(0).numpy().tobytes()

if __name__ == "__main__":
    rl.set_num_threads(3)
    ours = [work(seed)[1] for seed in range(4)]
    for kind in {kinds}:
        with multiprocessing.get_context(kind).Pool(2) as pool:
            theirs = pool.map(work, range(4))
        assert [threads for threads, _ in theirs] == [1] * 4, theirs
        assert [result for _, result in theirs] == ours
    print(rl.get_num_threads())
"""


def test_worker_processes_use_one_thread_and_compute_the_same_bits(tmp_path):
    program = tmp_path / "program.py"
    kinds = ["fork", "spawn"] if hasattr(os, "fork") else ["spawn"]
    program.write_text(WORKERS.format(kinds=kinds))
    assert run_fresh(f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')") == "3"
