"""Rule 1: an operation checks its arguments when called, and knows its result then."""

import threading

import pytest

import rushlight as rl


def test_shape_and_dtype_are_known_before_anything_is_computed(watched):
    a = rl.ones(2, 3)
    results = [a + 1, a.sum(0), a.t(), a @ a.t(), a > 0, a.argmax(1), rl.cat([a, a]), a[:, 1:]]
    results += [a.to(rl.float64), a.reshape(6), a.std(), a.cumsum(0), a.sort()[1]]
    found = [(tuple(result.shape), result.dtype) for result in results]
    assert not watched.runs
    assert found == [(tuple(result.numpy().shape), result.dtype) for result in results]


WRONG = {
    "shapes": (lambda a: a + rl.ones(4), RuntimeError, ["(3)", "(4)", "[2, 3]", "add"]),
    "matmul": (lambda a: a @ a, RuntimeError, ["2x3", "2x3"]),
    "axis": (lambda a: a.sum(2), IndexError, ["[-2, 1]", "2"]),
    "reshape": (lambda a: a.reshape(4), RuntimeError, ["[4]", "6"]),
    "cat": (lambda a: rl.cat([a, rl.ones(1, 4)]), RuntimeError, ["3", "4"]),
    "dtype": (lambda a: rl.cat([a, 3]), TypeError, ["int"]),
    "index": (lambda a: a[5], IndexError, ["5", "2"]),
    "expand": (lambda a: a.expand(2, 5), RuntimeError, ["5", "3"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_fail_at_the_call(watched, name):
    operation, kind, words = WRONG[name]
    with pytest.raises(kind) as caught:
        operation(rl.ones(2, 3))
    assert [word for word in words if word not in str(caught.value)] == []
    assert not watched.runs


def test_an_error_inside_a_module_names_its_path():
    layers = rl.nn.Linear(3, 4), rl.nn.Sequential(rl.nn.ReLU(), rl.nn.Linear(5, 2))
    model = rl.nn.ModuleDict({"encoder": rl.nn.Sequential(*layers)})

    class Whole(rl.nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = model

        def forward(self, x):
            return self.parts["encoder"](x)

    with pytest.raises(RuntimeError, match="cannot be multiplied") as caught:
        Whole()(rl.ones(2, 3))
    message = str(caught.value)
    for words in ("Expected", "Actual", "[2, 4]", "module parts.encoder.1.1"):
        assert words in message


def test_what_was_recorded_does_not_change():
    x = rl.tensor([1.0, 2.0])
    doubled = x * 2
    x.add_(10)
    tripled = x * 3
    assert doubled.tolist() == [2, 4]
    assert tripled.tolist() == [33, 36]


def test_recording_belongs_to_the_thread(watched):
    mine = rl.ones(3) + 1
    counts = []

    def other():
        theirs = rl.ones(3) + 2
        rl.sync()
        counts.append((len(watched.runs), mine._node.buffer is None, theirs._node.buffer is None))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert counts == [(1, True, False)]
    assert mine.tolist() == [2, 2, 2]
