"""Rule 3: what the caller gives is an input of a program; only the operations make structure."""

import numpy as np
import pytest

import rushlight as rl


def programs_of(watched, *operations):
    """How many programs these computations take, each on fresh inputs."""
    watched.forget()
    for operation in operations:
        operation()
        rl.sync()
    return len(watched.graphs)


def computed(operation, rows=5, columns=6):
    """Compute the operation on new tensors of this size."""

    def run():
        values = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
        x, y = rl.tensor(values), rl.tensor(values / 2)
        result = operation(x, y)
        rl.sync()
        return result

    return run


NUMBERS = {
    "factor": lambda n: lambda x, y: x * (n + 1.5),
    "divisor": lambda n: lambda x, y: x / (n + 1.5),
    "exponent": lambda n: lambda x, y: x ** (n + 1.25),
    "bound": lambda n: lambda x, y: x.clamp(n - 1.5, n + 2.5),
    "slice": lambda n: lambda x, y: x[n : n + 3],
    "step": lambda n: lambda x, y: x[:: n + 2],
    "select": lambda n: lambda x, y: x[:, n + 1],
    "narrow": lambda n: lambda x, y: x.narrow(1, n, 3),
    "fill": lambda n: lambda x, y: rl.full((3, 2), n + 0.5) + x[:3, :2],
    "masked fill": lambda n: lambda x, y: x.masked_fill(y > 3, n + 0.5),
    "write": lambda n: lambda x, y: x.__setitem__(slice(n, n + 2), n + 0.5),
    "threshold": lambda n: lambda x, y: x > n + 0.5,
    "random key": lambda n: lambda x, y: rl.rand(3, generator=rl.Generator().manual_seed(n)),
    "range of random numbers": lambda n: lambda x, y: rl.empty(3).uniform_(n, n + 3),
    "two numbers": lambda n: lambda x, y: x * 2.5 + y * (n + 2.5),  # equal for n = 0
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_make_no_program(watched, name):
    make = NUMBERS[name]
    computed(make(0))()
    assert programs_of(watched, *[computed(make(n)) for n in (0, 1, 2)]) == 0


def test_sizes_make_no_program(watched):
    def operation(x, y):
        return (x.t() @ y).softmax(1).sum(0)

    computed(operation)()
    sizes = [(7, 6), (5, 9), (20, 30), (100, 2)]
    assert programs_of(watched, *[computed(operation, *size) for size in sizes]) == 0


@pytest.mark.parametrize("size", [0, 1])
def test_sizes_of_0_and_1_are_structure(watched, size):
    def operation(x, y):
        return x.exp()

    computed(operation)()
    assert programs_of(watched, computed(operation, rows=size)) == 1


def test_equal_sizes_that_no_operation_asks_for_are_no_structure(watched):
    def operation(x, y):
        return x.exp(), y.sin()

    computed(operation, 4, 4)()
    assert programs_of(watched, computed(operation, 4, 5)) == 0


def test_listed_exponents_are_structure_and_others_are_not(watched):
    operations = [computed(lambda x, y, n=n: (x + 1) ** n) for n in (-1, -0.5, 0.5, 2, 3)]
    for run in operations:
        assert programs_of(watched, run) == 1
    assert programs_of(watched, *operations) == 0
    computed(lambda x, y: (x + 1) ** 1.5)()
    assert programs_of(watched, computed(lambda x, y: (x + 1) ** 2.5)) == 0


def test_whether_a_step_is_one_or_negative_is_structure(watched):
    computed(lambda x, y: x[:, ::2])()
    assert programs_of(watched, computed(lambda x, y: x[:, 1:])) == 1
    computed(lambda x, y: x.flip(0))()
    assert programs_of(watched, computed(lambda x, y: x.flip(1))) == 1
    assert programs_of(watched, computed(lambda x, y: x.flip(1), 3, 8)) == 0


@pytest.mark.parametrize("axis", [0, 1])
def test_axes_are_structure(watched, axis):
    computed(lambda x, y: x.sum())()
    assert programs_of(watched, computed(lambda x, y: x.sum(axis))) == 1
    assert programs_of(watched, computed(lambda x, y: x.sum(axis), 9, 9)) == 0


def test_probabilities_of_dropout_are_numbers_but_0_and_1(watched):
    def dropped(p):
        return computed(lambda x, y: rl.nn.functional.dropout(x, p))

    dropped(0.5)()
    assert programs_of(watched, dropped(0.25), dropped(0.75)) == 0
    assert programs_of(watched, dropped(0.0)) <= 1
    assert rl.nn.functional.dropout(rl.ones(3), 1.0).tolist() == [0, 0, 0]


def test_results_are_right_whatever_program_they_share(watched):
    results = [computed(lambda x, y, n=n: x[n : n + 2, 1] * (n + 0.5))().tolist() for n in (0, 1)]
    assert results == [[0.5, 3.5], [10.5, 19.5]]
