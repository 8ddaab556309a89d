"""How many threads: the environment, the container's limit, workers; and what they compute."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

import rushlight as rl
from rushlight.engines import load
from rushlight.engines.cpu import cores, pool
from tests.engines.harness import using


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """A tree of control groups; gives a function that writes files into it."""
    monkeypatch.setattr(cores, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(cores, "_MEMBERSHIP", tmp_path / "membership")

    def write(membership, **files):
        (tmp_path / "membership").write_text(membership)
        for name, text in files.items():
            *folders, file = name.split("__")
            place = (tmp_path / "groups").joinpath(*folders)
            place.mkdir(parents=True, exist_ok=True)
            (place / file.replace("_max", ".max").replace("cpu_cfs", "cpu.cfs")).write_text(text)

    return write


SECOND = [
    ({"cpu_max": "max 100000"}, None),
    ({"cpu_max": "150000 100000"}, 2),
    ({"a__cpu_max": "400000 100000", "a__b__cpu_max": "max 100000"}, 4),
    ({"a__cpu_max": "50000 100000", "a__b__cpu_max": "800000 100000"}, 1),
    ({"a__b__cpu_max": "not a number"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("files", "quota"), SECOND)
def test_the_limit_of_a_container(groups, files, quota):
    groups("0::/a/b\n", **files)
    assert cores.core_quota() == quota


def test_the_limit_of_older_containers(groups):
    files = {"cpu,cpuacct__a__cpu_cfs_quota_us": "250000", "cpu__cpu_cfs_quota_us": "-1"}
    files |= {"cpu,cpuacct__a__cpu_cfs_period_us": "100000", "cpu__cpu_cfs_period_us": "100000"}
    groups("4:cpu,cpuacct:/a\n3:memory:/x\n0::/\n", **files)
    assert cores.core_quota() == 3


def test_no_control_groups(groups):
    assert cores.core_quota() is None
    assert cores.usable_cores() >= 1


@pytest.mark.parametrize(
    ("settings", "threads"),
    [
        ({"RUSHLIGHT_NUM_THREADS": "5", "OMP_NUM_THREADS": "7"}, 5),
        ({"RUSHLIGHT_NUM_THREADS": "", "OMP_NUM_THREADS": "7"}, 7),
        ({"RUSHLIGHT_NUM_THREADS": "0", "OMP_NUM_THREADS": "many"}, None),
    ],
)
def test_the_environment_says_how_many(monkeypatch, settings, threads):
    for name, text in settings.items():
        monkeypatch.setenv(name, text)
    assert cores.default_threads() == (threads or cores.usable_cores())
    assert cores.default_threads(inherited=4) == 4


def test_a_worker_has_one(monkeypatch):
    import multiprocessing.process as processes

    monkeypatch.setattr(processes, "current_process", lambda: SimpleNamespace(daemon=True))
    assert cores.default_threads(inherited=4) == 1


@pytest.fixture
def threads():
    before = rl.get_num_threads()
    yield
    rl.set_num_threads(before)


def results():
    rl.manual_seed(3)
    x = rl.randn(300, 257)
    y = (x @ x.t()).softmax(1)
    parts = y.sum(0), y.cumsum(1).exp().mean(), (x * x).sum(), x.t().contiguous().var(1)
    return [part.numpy().tobytes() for part in parts]


def test_the_bits_do_not_depend_on_the_number(threads):
    with using(load("cpu")):
        expected = None
        for count in (1, 2, 3, 7):
            rl.set_num_threads(count)
            assert rl.get_num_threads() == count
            expected = expected or results()
            assert results() == expected


def test_threads_compute_while_the_number_changes(threads):
    with using(load("cpu")):
        rl.set_num_threads(1)
        expected, failures = results(), []

        def work():
            x = rl.arange(40_000.0).reshape(200, 200)
            total = (x @ x.t()).sum(0).numpy()
            for _ in range(30):
                if not np.array_equal((x @ x.t()).sum(0).numpy(), total):
                    failures.append("another result")

        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        for count in (2, 3, 1, 4, 2) * 4:
            rl.set_num_threads(count)
            assert results() == expected
        for worker in workers:
            worker.join()
        assert not failures


def test_a_wrong_number_is_refused(threads):
    before = rl.get_num_threads()
    for wrong in (0, -1, 2.0, True, "2", pool.MOST_THREADS + 1):
        with pytest.raises(RuntimeError, match="set_num_threads expects"):
            rl.set_num_threads(wrong)
    assert rl.get_num_threads() == before
