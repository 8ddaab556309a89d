"""no_grad, enable_grad, inference_mode, set_grad_enabled: blocks, decorators, threads."""

import threading

import pytest

import rushlight as rl

MODES = {
    "no_grad": (rl.no_grad, False),
    "enable_grad": (rl.enable_grad, True),
    "inference_mode": (rl.inference_mode, False),
    "set_grad_enabled(False)": (lambda: rl.set_grad_enabled(False), False),
    "set_grad_enabled(True)": (lambda: rl.set_grad_enabled(True), True),
}


@pytest.fixture(params=[True, False], ids=["recording", "not recording"])
def outside(request):
    with rl.set_grad_enabled(request.param):
        yield request.param


@pytest.mark.parametrize("name", MODES)
def test_a_block(outside, name):
    make, inside = MODES[name]
    with make():
        assert rl.is_grad_enabled() is inside
    assert rl.is_grad_enabled() is outside
    with pytest.raises(ValueError, match="x"), make():
        raise ValueError("x")
    assert rl.is_grad_enabled() is outside


@pytest.mark.parametrize("name", MODES)
def test_a_decorator(outside, name):
    make, inside = MODES[name]

    @make()
    def look(value, *, twice=False):
        """Its words."""
        return value, twice, rl.is_grad_enabled()

    assert rl.is_grad_enabled() is outside
    assert look(3, twice=True) == (3, True, inside)
    assert (look.__name__, look.__doc__) == ("look", "Its words.")
    assert rl.is_grad_enabled() is outside


@pytest.mark.parametrize("mode", [rl.no_grad, rl.enable_grad, rl.inference_mode])
def test_a_decorator_without_brackets(outside, mode):
    @mode
    def look():
        return rl.is_grad_enabled()

    assert look() is (mode is rl.enable_grad)
    assert rl.is_grad_enabled() is outside


@pytest.mark.parametrize("name", MODES)
def test_a_generator_runs_in_the_mode_and_its_consumer_does_not(outside, name):
    make, inside = MODES[name]
    seen = []

    @make()
    def produce():
        try:
            seen.append(rl.is_grad_enabled())
            got = yield 1
            seen.append((got, rl.is_grad_enabled()))
            try:
                yield 2
            except KeyError:
                seen.append(("caught", rl.is_grad_enabled()))
            yield 3
        finally:
            seen.append(("closed", rl.is_grad_enabled()))

    generator = produce()
    assert next(generator) == 1
    assert rl.is_grad_enabled() is outside
    assert generator.send("sent") == 2
    assert generator.throw(KeyError()) == 3
    assert rl.is_grad_enabled() is outside
    generator.close()
    assert seen == [inside, ("sent", inside), ("caught", inside), ("closed", inside)]
    assert rl.is_grad_enabled() is outside


def test_a_generator_hands_on_its_result_and_errors():
    @rl.no_grad()
    def produce(error):
        yield 1
        if error:
            raise ValueError("inside")
        return "done"

    def consume(error):
        return (yield from produce(error))

    generator = consume(False)
    next(generator)
    with pytest.raises(StopIteration) as end:
        next(generator)
    assert end.value.value == "done"
    assert list(produce(False)) == [1]
    with pytest.raises(ValueError, match="inside"):
        list(produce(True))


def test_set_grad_enabled_switches_at_once():
    try:
        rl.set_grad_enabled(False)
        assert not rl.is_grad_enabled()
    finally:
        rl.set_grad_enabled(True)
    assert rl.is_grad_enabled()


def test_modes_belong_to_the_thread():
    seen = []

    def other():
        seen.append(rl.is_grad_enabled())
        with rl.no_grad():
            seen.append(rl.is_grad_enabled())
            started.set()
            ended.wait()

    started, ended = threading.Event(), threading.Event()
    with rl.no_grad():
        thread = threading.Thread(target=other)
        thread.start()
        started.wait()
    assert rl.is_grad_enabled()
    ended.set()
    thread.join()
    assert seen == [True, False]


def test_what_is_recorded():
    w = rl.ones(2, requires_grad=True)
    with rl.no_grad():
        y = w * 2
        made = rl.ones(2, requires_grad=True)
        with rl.enable_grad():
            z = w * 3
    assert (y.requires_grad, made.requires_grad, z.requires_grad) == (False, True, True)


def test_inference_mode_can_be_asked_for():
    assert not rl.is_inference_mode_enabled()
    with rl.inference_mode():
        assert rl.is_inference_mode_enabled()
        with rl.inference_mode(False):
            assert not rl.is_inference_mode_enabled()
    assert not rl.is_inference_mode_enabled()


def test_views_made_in_no_grad_may_not_be_written_outside():
    w = rl.ones(3, requires_grad=True)
    y = w * 2
    with rl.no_grad():
        part = y[:1]
    with pytest.raises(RuntimeError, match="no_grad mode"):
        part.mul_(2)


def test_classes_cannot_be_decorated():
    with pytest.raises(TypeError, match="class"):
        rl.no_grad()(int)
