"""The profiler: which kernels it sees, what it says of them, and that it leaves nothing behind."""

import json
import threading

import pytest

import rushlight as rl
import rushlight.nn.functional as F
from rushlight.engines import load
from rushlight.graph import places, timing
from rushlight.profiler import ProfilerActivity, profile, record_function
from tests.engines.harness import using


@pytest.fixture(autouse=True)
def _on_the_cpu():
    with using(load("cpu")):
        yield


def train(steps=2):
    rl.manual_seed(0)
    model = rl.nn.Sequential(rl.nn.Linear(64, 96), rl.nn.GELU(), rl.nn.Linear(96, 10))
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    x, y = rl.randn(128, 64), rl.randint(0, 10, (128,))
    rl.sync()
    for _ in range(steps):
        with record_function("forward"):
            loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        with record_function("backward"):
            loss.backward()
        optimizer.step()
        loss.item()
    return [parameter.tolist() for parameter in model.parameters()]


@pytest.fixture(scope="module")
def trained():
    with using(load("cpu")), profile(activities=[ProfilerActivity.CPU]) as prof:
        train()
    return prof


def test_kernels_have_the_names_of_operations(trained):
    names = " ".join(row.key for row in trained.key_averages())
    for name in ("linear", "gelu", "Linear.backward", "cross_entropy", "SGD.step"):
        assert name in names
    assert "record" not in names.split()


def test_the_work_of_a_product_is_known():
    a, b = rl.rand(50, 70), rl.rand(70, 90)
    rl.sync()
    with profile() as prof:
        (a @ b).tolist()
    (event,) = prof.kernels()
    assert event.name == "matmul"
    assert event.operations == pytest.approx(2 * 50 * 70 * 90, rel=0.01)
    assert event.nbytes == 4 * (50 * 70 + 70 * 90 + 50 * 90)


def test_times_lie_within_the_profile_and_in_order(trained):
    events = trained.kernels()
    assert len(events) > 10
    slack = 1_000_000  # the processor's counter against the clock
    for event in events:
        assert trained.began - slack <= event.begin <= event.end <= trained.ended + slack
        for _, begin, end, busy, chunks in event.parts:
            assert event.begin <= begin <= end <= event.end
            assert 0 <= busy <= end - begin + slack
            assert chunks >= 1


def test_each_call_is_counted_once(trained):
    assert sum(row.count for row in trained.key_averages()) == len(trained.kernels())
    calls = {row.key: row.count for row in trained.key_averages() if row.key == "SGD.step"}
    assert calls["SGD.step"] % 2 == 0


def test_threads_of_chunks():
    before = rl.get_num_threads()
    rl.set_num_threads(3)
    try:
        x = rl.rand(700, 700)
        rl.sync()
        with profile() as prof:
            (x @ x).tolist()
        (event,) = prof.kernels()
        assert {part[0] for part in event.parts} <= {0, 1, 2}
        assert sum(part[4] for part in event.parts) > 1
    finally:
        rl.set_num_threads(before)


def test_the_table(trained):
    lines = trained.table(row_limit=3).splitlines()
    head = "kernel form calls total % mean MB MFLOP GB/s GF/s limit"
    assert lines[0].split() == head.split()
    assert set(lines[1]) == {"-"}
    assert "more" in lines[6]
    text = trained.table(row_limit=-1)
    for words in ("range 'forward': 2 times", "kernels recorded in it", "all:", "compiling", "GF"):
        assert words in text
    assert len(text.splitlines()) > len(lines)


ORDERS = {
    "cpu_time_total": lambda row: -row.cpu_time_total,
    "cpu_time": lambda row: -row.cpu_time,
    "count": lambda row: -row.count,
    "flops": lambda row: -row.flops,
    "bytes": lambda row: -row.nbytes,
    "name": lambda row: row.key,
}


@pytest.mark.parametrize("order", ORDERS)
def test_orders_of_the_table(trained, order):
    averages = trained.key_averages()
    lines = averages.table(sort_by=order, row_limit=-1).splitlines()[2 : 2 + len(averages)]
    expected = sorted(averages, key=ORDERS[order])
    for line, row in zip(lines, expected, strict=True):
        assert line.startswith(f"{row.key} ")
        assert row.form in line


def test_an_unknown_order(trained):
    with pytest.raises(ValueError, match="Expected sort_by to be one of"):
        trained.key_averages().table(sort_by="colour")


def test_an_empty_profile_has_a_table():
    with profile() as prof:
        pass
    assert "kernel" in prof.table()
    assert not prof.kernels()


def test_work_of_before_does_not_count():
    y = rl.rand(200, 200) @ rl.rand(200, 200)
    with profile() as prof:
        pass
    assert not prof.kernels()
    assert y.shape == (200, 200)


def test_the_trace(trained, tmp_path):
    path = tmp_path / "trace.json"
    trained.export_chrome_trace(path)
    events = json.loads(path.read_text())["traceEvents"]
    named = {event["args"]["name"] for event in events if event["ph"] == "M"}
    assert {"kernels, thread 0", "Python thread 0"} <= named
    whole = [event for event in events if event["ph"] == "X"]
    assert {"kernel", "range", "compute", "launch"} <= {event["cat"] for event in whole}
    for event in whole:
        assert event["dur"] >= 0
        assert isinstance(event["pid"], int)
    kernel = next(event for event in whole if event["cat"] == "kernel")
    assert {"bytes", "flops", "form", "chunks"} <= set(kernel["args"])


def test_ranges_say_where_the_work_was_recorded(trained):
    ranges = {event.range for event in trained.kernels()}
    assert {"forward", "backward", ""} == ranges
    assert [span.name for span in trained.spans() if span.kind == "range"].count("forward") == 2


def test_ranges_nest_and_decorate():
    @record_function("inner", "x")
    def double(x):
        return x @ x

    with profile() as prof, record_function("outer"):
        double(rl.rand(100, 100)).tolist()
    assert "outer/inner (x)" in {event.range for event in prof.kernels()}


def test_steps():
    with profile() as prof:
        for _ in range(3):
            rl.rand(3).exp().tolist()
            prof.step()
    assert [s.name for s in prof.spans() if "Step" in s.name] == [
        "ProfilerStep#0",
        "ProfilerStep#1",
        "ProfilerStep#2",
    ]
    assert "range 'ProfilerStep': 3 times" in prof.table()


def test_nothing_is_left_behind():
    with pytest.raises(RuntimeError, match="stop here"), profile():
        raise RuntimeError("stop here")
    assert timing.watcher is None
    assert places.large == places.LARGE
    with record_function("alone"):
        pass


def test_profiles_do_not_nest():
    with profile(), pytest.raises(RuntimeError, match="profiles do not nest"):
        profile().start()
    assert timing.watcher is None


def test_start_stop_and_what_is_called_at_the_end():
    called = []
    prof = profile(on_trace_ready=called.append)
    prof.start()
    rl.rand(50, 50).exp().sum().item()
    prof.stop()
    prof.stop()
    assert called == [prof]
    assert prof.kernels()


def test_a_profile_changes_no_bit():
    plain = train()
    with profile():
        watched = train()
    assert plain == watched


def test_all_threads_are_watched():
    def work():
        (rl.rand(100, 100) @ rl.rand(100, 100)).tolist()

    with profile() as prof:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert "matmul" in {event.name for event in prof.kernels()}


def test_each_step_of_a_scan_is_an_event():
    weight, xs = rl.rand(64, 64) / 64, rl.rand(20, 8, 64)
    rl.sync()
    with profile() as prof, record_function("loop"):
        rl.scan(lambda c, x: ((c @ weight + x).tanh(), c), rl.zeros(8, 64), xs)[0].tolist()
    events = [event for event in prof.kernels() if event.name.startswith("scan: ")]
    assert len(events) >= 20
    assert len(events) % 20 == 0
    assert {event.range for event in events} == {"loop"}
    assert sum(event.operations for event in events) >= 20 * 2 * 8 * 64 * 64
    assert "scan: contract" in prof.table(row_limit=-1)


def test_wrong_activities():
    with pytest.raises(TypeError, match="Expected activities of ProfilerActivity"):
        profile(activities=["cpu"])


def test_host_steps_are_seen():
    with profile() as prof:
        rl.rand(3000).sort()[0].tolist()
    assert any(span.kind == "host" for span in prof.spans())


def test_the_reference_engine_has_no_kernels():
    with using(load("reference")):
        with profile() as prof:
            rl.rand(100, 100).exp().sum().item()
        assert not prof.kernels()
        assert any(span.kind == "compute" for span in prof.spans())
