"""L-BFGS and its line search."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import optim
from rushlight.optim.line_search import Point, WolfeSearch, cubic_minimum


def minimise(loss_of, start, steps=1, **options):
    """Where it ends, how often the loss was asked for, and the optimiser."""
    w = rl.tensor(start, dtype=rl.float64, requires_grad=True)
    optimizer = optim.LBFGS([w], **options)
    asked = []

    def closure():
        optimizer.zero_grad()
        loss = loss_of(w)
        loss.backward()
        asked.append(loss.item())
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return w.tolist(), asked, optimizer


def rosenbrock(w):
    return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2


def test_a_narrow_valley():
    options = {"max_iter": 40, "tolerance_change": 1e-14, "line_search_fn": "strong_wolfe"}
    found, asked, _ = minimise(rosenbrock, [-1.2, 1.0], steps=2, **options)
    assert found == pytest.approx([1, 1], abs=1e-6)
    assert len(asked) < 80


def test_a_quadratic_ends_after_as_many_steps_as_dimensions():
    numbers = np.random.default_rng(0)
    root = numbers.normal(size=(4, 4))
    matrix = rl.tensor(root @ root.T + np.eye(4))
    options = {"max_iter": 12, "max_eval": 100, "line_search_fn": "strong_wolfe"}
    found, _, optimizer = minimise(lambda w: w @ matrix @ w, [1.0, 2.0, -3.0, 1.0], **options)
    assert found == pytest.approx([0] * 4, abs=1e-5)
    assert optimizer.state[optimizer.param_groups[0]["params"][0]]["n_iter"] <= 12


def by_numpy(matrix, start, lr, steps, size):
    """L-BFGS with fixed steps on w·A·w/2, its inverse Hessian built as a matrix (equation 6.17)."""
    w, pairs, before, d, t = np.array(start), [], None, None, None
    scale = 1.0
    for number in range(steps):
        g = matrix @ w
        if number == 0:
            d, t = -g, min(1, 1 / np.abs(g).sum()) * lr
        else:
            y, s = g - before, d * t
            pairs = [*pairs, (y, s)][-size:]
            scale = y @ s / (y @ y)
            inverse = np.eye(len(w)) * scale
            for y, s in pairs:
                left = np.eye(len(w)) - np.outer(s, y) / (y @ s)
                inverse = left @ inverse @ left.T + np.outer(s, s) / (y @ s)
            d, t = -inverse @ g, lr
        before = g
        w = w + t * d
    return w


@pytest.mark.parametrize("size", [2, 100])
def test_fixed_steps_by_the_whole_matrix(size):
    root = np.random.default_rng(1).normal(size=(5, 5))
    matrix = root @ root.T + np.eye(5)
    tensor, start = rl.tensor(matrix), [1.0, 2.0, -3.0, 1.0, 0.5]
    options = {"lr": 0.5, "history_size": size, "max_iter": 3, "max_eval": 9}
    found, asked, _ = minimise(lambda w: w @ tensor @ w / 2, start, steps=2, **options)
    assert len(asked) == 6
    np.testing.assert_allclose(found, by_numpy(matrix, start, 0.5, 6, size), rtol=1e-6)


def test_several_parameters_and_one_without_gradient():
    a, b, idle = (rl.ones(2, requires_grad=True) for _ in range(3))
    optimizer = optim.LBFGS([a, b, idle], max_iter=10)

    def closure():
        optimizer.zero_grad()
        loss = ((a - 3) ** 2).sum() + ((b + a) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert a.tolist() == pytest.approx([3, 3], abs=1e-3)
    assert b.tolist() == pytest.approx([-3, -3], abs=1e-3)
    assert idle.tolist() == [1, 1]
    state = optimizer.state_dict()["state"]
    assert list(state) == [0]
    assert {"func_evals", "n_iter", "d", "t", "old_dirs", "old_stps", "ro", "H_diag"} < set(
        state[0]
    )


def test_it_ends_at_the_bottom_and_at_the_limit():
    found, asked, _ = minimise(lambda w: (w * w).sum(), [0.0, 0.0])
    assert (found, len(asked)) == ([0, 0], 1)
    _, asked, _ = minimise(rosenbrock, [-1.2, 1.0], max_iter=9, max_eval=4, lr=0.1)
    assert len(asked) == 4
    _, asked, _ = minimise(rosenbrock, [-1.2, 1.0], max_iter=3, lr=1e-3)
    assert len(asked) == 3


def test_going_on_from_a_state_dict():
    kept, _, _ = minimise(rosenbrock, [-1.2, 1.0], steps=4, max_iter=3, lr=0.1)
    half, _, first = minimise(rosenbrock, [-1.2, 1.0], steps=2, max_iter=3, lr=0.1)
    w = rl.tensor(half, dtype=rl.float64, requires_grad=True)
    second = optim.LBFGS([w], lr=0.7)
    second.load_state_dict(first.state_dict())

    def closure():
        second.zero_grad()
        loss = rosenbrock(w)
        loss.backward()
        return loss

    second.step(closure)
    second.step(closure)
    assert w.tolist() == kept


def test_what_is_refused():
    a, b = (rl.ones(1, requires_grad=True) for _ in range(2))
    with pytest.raises(ValueError, match="parameter groups"):
        optim.LBFGS([{"params": [a]}, {"params": [b]}])
    with pytest.raises(ValueError, match="Invalid learning rate"):
        optim.LBFGS([a], lr=-1)
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        minimise(rosenbrock, [0.0, 0.0], line_search_fn="armijo")
    with pytest.raises(TypeError, match="closure"):
        optim.LBFGS([a]).step()


def point(step, loss, slope):
    return Point(step, loss, None, slope)


def test_the_lowest_point_of_a_cubic():
    # f(t) = t³ - 3 t has its minimum at 1.
    a, b = point(0.0, 0.0, -3.0), point(2.0, 2.0, 9.0)
    assert cubic_minimum(a, b) == cubic_minimum(b, a) == pytest.approx(1)
    assert cubic_minimum(a, b, (1.5, 2.0)) == 1.5
    assert cubic_minimum(point(0.0, 0.0, 1.0), point(1.0, 1.0, 1.0)) == 0.5
    assert cubic_minimum(a, a) == 0


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 300.0])
def test_the_wolfe_conditions_hold(first):
    def evaluate(t):
        return point(t, (t - 3) ** 4 + t, 4 * (t - 3) ** 3 + 1)

    start = evaluate(0.0)
    search = WolfeSearch(evaluate, start, 25)
    found = search.run(first, 1.0, 1e-9)
    assert found.loss <= start.loss + 1e-4 * found.step * start.slope
    assert abs(found.slope) <= 0.9 * abs(start.slope)
    assert search.evaluations <= 26


def test_a_search_without_end_ends():
    search = WolfeSearch(lambda t: point(t, -t, -1.0), point(0.0, 0.0, -1.0), 3)
    assert search.run(1.0, 1.0, 1e-9).step > 1
    assert search.evaluations == 4
