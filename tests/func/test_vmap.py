"""vmap: dimensions, nests, chunks, random numbers, writes, errors."""

from collections import namedtuple

import numpy as np
import pytest

import rushlight as rl
from rushlight.func import grad, jacrev, vjp, vmap
from rushlight.nn import functional as F
from tests.ops.harness import array_of, values


def close(got, want):
    want = np.asarray(array_of(want) if isinstance(want, rl.Tensor) else want)
    assert tuple(got.shape) == want.shape
    np.testing.assert_allclose(array_of(got), want, rtol=1e-10, atol=1e-10)


X, W = rl.tensor(values(3, 4)), rl.tensor(values(4, 5))


# ------------------------------------------------------------------------------------- dimensions
@pytest.mark.parametrize("in_dim", [0, 1, -1, -2])
@pytest.mark.parametrize("out_dim", [0, 1, -1])
def test_dimensions_count_from_both_ends(in_dim, out_dim):
    got = vmap(lambda x: x.exp(), in_dims=in_dim, out_dims=out_dim)(X)
    want = np.moveaxis(np.exp(np.moveaxis(array_of(X), in_dim, 0)), 0, out_dim)
    close(got, want)


def test_none_is_shared():
    close(vmap(lambda x, w: x @ w, in_dims=(0, None))(X, W), array_of(X) @ array_of(W))
    close(vmap(lambda x, w: x @ w, in_dims=(None, 1))(X, W), (array_of(X) @ array_of(W)).T)


def test_inputs_and_outputs_nest():
    Pair = namedtuple("Pair", ["a", "b"])

    def function(pair, options):
        return {"sum": pair.a + options["w"][0], "both": [pair.b, pair.a.sum()]}

    found = vmap(function, in_dims=(Pair(0, 1), {"w": None}))(Pair(X, X.T), {"w": [rl.ones(4)]})
    close(found["sum"], array_of(X) + 1)
    close(found["both"][0], X)
    close(found["both"][1], array_of(X).sum(1))


def test_one_dimension_stands_for_a_whole_nest():
    found = vmap(lambda d: d["x"] + d["y"], in_dims=({"x": 0, "y": None},))({"x": X, "y": X[0]})
    close(found, array_of(X) + array_of(X)[0])


def test_keyword_arguments_are_shared():
    close(vmap(lambda x, w: x @ w)(X, w=W), array_of(X) @ array_of(W))


def test_an_output_may_be_the_same_for_all():
    first, second = vmap(lambda x: (x, rl.ones(2)), out_dims=(0, None))(X)
    assert tuple(second.shape) == (2,)
    close(vmap(lambda x: rl.ones(2))(X), np.ones((3, 2)))
    close(first, X)


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 7])
def test_chunks_change_nothing(chunk_size):
    close(vmap(lambda x: x.softmax(0), chunk_size=chunk_size)(X), X.softmax(1))


def test_no_samples_at_all():
    assert tuple(vmap(lambda x: x @ W)(rl.ones(0, 4, dtype=rl.float64)).shape) == (0, 5)


def test_shapes_are_those_of_one_sample():
    seen = []
    vmap(lambda x: seen.append((tuple(x.shape), x.dim(), x.stride())) or x, in_dims=1)(X)
    assert seen == [((3,), 1, (4,))]


def test_numbers_of_samples_as_indices():
    labels = rl.tensor([1, 3, 0])
    close(vmap(lambda x, i: x[i])(X, labels), X[rl.arange(3), labels])
    close(vmap(lambda i: X[None, :, i])(labels), X[:, labels].T[:, None])
    found = grad(lambda x: vmap(lambda row, i: row[i] ** 2)(x, labels).sum())(X)
    close(found, grad(lambda x: (x[rl.arange(3), labels] ** 2).sum())(X))

    def written(x, i):
        x = x.clone()
        x[i] = 7
        return x

    close(
        vmap(written)(X, labels),
        rl.stack([written(x, i) for x, i in zip(X, [1, 3, 0], strict=True)]),
    )


def test_multinomial_draws_for_each_sample():
    weights = rl.eye(4)[:3]
    drawn = vmap(lambda w: rl.multinomial(w, 2, True), randomness="different")(weights)
    assert drawn.tolist() == [[0, 0], [1, 1], [2, 2]]


# ------------------------------------------------------------------------- matrices and spectra
def test_matrices_whose_batches_differ_in_rank():
    squares = rl.tensor(values(3, 4, 4)) + 4 * rl.eye(4).double()
    right = rl.tensor(values(3, 5, 4, 2))
    solve = rl.linalg.solve
    close(
        vmap(solve)(squares, right),
        rl.stack([solve(a, b) for a, b in zip(squares, right, strict=True)]),
    )
    found = vmap(solve, in_dims=(0, None))(squares, right[0])
    close(found, rl.stack([solve(a, right[0]) for a in squares]))

    def function(a):
        return rl.linalg.slogdet(a)[1] + rl.linalg.inv(a).sum() + rl.fft.rfft(a).abs().sum()

    close(vmap(grad(function))(squares), rl.stack([grad(function)(a) for a in squares]))


# ---------------------------------------------------------------------------------------- nesting
def test_vmap_of_vmap():
    dot = vmap(vmap(rl.dot, in_dims=(None, 0)), in_dims=(0, None))
    close(dot(X, X), array_of(X) @ array_of(X).T)


def test_vmap_of_grad_of_vmap():
    def total(w, x):
        return vmap(lambda row: (row * w).sin().sum())(x).sum()

    batch = rl.tensor(values(2, 3, 4))
    got = vmap(grad(total), in_dims=(None, 0))(X[0], batch)
    want = (array_of(batch) * np.cos(array_of(batch) * array_of(X)[0])).sum(1)
    close(got, want)


def test_gradients_of_shared_tensors_are_sums():
    w = rl.tensor(values(4), requires_grad=True)
    vmap(lambda x: (x * w).sin().sum())(X).sum().backward()
    x = array_of(X)
    close(w.grad, (x * np.cos(x * array_of(w))).sum(0))


def test_gradients_of_what_is_shared_and_computed_inside():
    w = rl.tensor(values(4), requires_grad=True)
    vmap(lambda x: (x * w.exp()).sum() + w.sum())(X).sum().backward()
    close(w.grad, array_of(X).sum(0) * np.exp(array_of(w)) + 3)


def test_gradients_of_mapped_tensors_and_again():
    x = rl.tensor(values(3, 4), requires_grad=True)
    (first,) = rl.autograd.grad(vmap(lambda x: x.sin().prod())(x).sum(), x, create_graph=True)
    (second,) = rl.autograd.grad((first * first).sum(), x)

    def plain(x):
        return grad(lambda x: x.sin().prod(-1).sum())(x)

    close(first, plain(x.detach()))
    close(second, grad(lambda x: (plain(x) ** 2).sum())(x.detach()))


def test_batched_gradients():
    x = rl.tensor(values(4), requires_grad=True)
    y = x.sin() * x.sum()
    rows = rl.eye(4, dtype=rl.float64)
    (found,) = rl.autograd.grad(y, x, rows, is_grads_batched=True, retain_graph=True)
    want = [array_of(rl.autograd.grad(y, x, row, retain_graph=True)[0]) for row in rows]
    close(found, np.stack(want))
    unused = rl.ones(2, requires_grad=True)
    got = rl.autograd.grad(y, (x, unused), rows, is_grads_batched=True, allow_unused=True)
    assert got[1] is None


def test_the_classical_jacobian_by_vmap_over_autograd_grad():
    x = rl.tensor(values(4), requires_grad=True)
    y = x.exp() * x.flip(0)
    rows = vmap(lambda v: rl.autograd.grad(y, x, v, retain_graph=True)[0])(rl.eye(4).double())
    close(rows, jacrev(lambda x: x.exp() * x.flip(0))(x.detach()))


# ----------------------------------------------------------------------------------------- writes
def test_writes_to_an_input_reach_the_tensor_outside():
    x = rl.zeros(3, 2)
    vmap(lambda row, y: row.add_(y))(x, rl.arange(3.0))
    assert x.tolist() == [[0, 0], [1, 1], [2, 2]]


def test_writes_to_tensors_made_like_an_input():
    def function(x):
        found = rl.zeros_like(x)
        found[1:] = x[1:] * 2
        other = x.new_zeros(2)
        other[0] = x.sum()
        return found, other

    found, other = vmap(function)(X)
    close(found[:, 1:], array_of(X)[:, 1:] * 2)
    close(other[:, 0], array_of(X).sum(1))


def test_a_shared_tensor_cannot_take_what_differs():
    total = rl.zeros(4, dtype=rl.float64)
    with pytest.raises(RuntimeError, match=r"vmap: add_\(.* is not possible"):
        vmap(lambda x: total.add_(x))(X)
    assert total.tolist() == [0, 0, 0, 0]


# --------------------------------------------------------------------------------- random numbers
def test_random_numbers_are_an_error_unless_allowed():
    with pytest.raises(RuntimeError, match="randomness error mode"):
        vmap(lambda x: x + rl.rand(4))(X)
    with pytest.raises(RuntimeError, match="Only allowed values for randomness"):
        vmap(lambda x: x, randomness="some")


def test_the_same_random_numbers_for_all_samples():
    found = vmap(lambda x: F.dropout(x, 0.5), randomness="same")(rl.ones(8, 50))
    assert bool((found == found[0]).all())
    assert 0 < int((found == 0).sum()) < 400
    chunked = vmap(lambda x: x + rl.rand(4), randomness="same", chunk_size=2)(rl.zeros(5, 4))
    assert bool((chunked == chunked[0]).all())


def test_random_numbers_of_each_sample():
    found = vmap(lambda x: x + rl.randn(50), randomness="different")(rl.zeros(8, 50))
    assert len({tuple(row) for row in found.tolist()}) == 8
    permutations = vmap(lambda x: rl.randperm(5) + x, randomness="different")(rl.zeros(4))
    assert array_of(permutations.sort(1).values).tolist() == [[0, 1, 2, 3, 4]] * 4


def test_random_numbers_under_two_maps():
    draw = lambda x: x + rl.rand(6)  # noqa: E731
    outer = vmap(vmap(draw, randomness="same"), randomness="different")(rl.zeros(3, 2, 6))
    assert bool((outer[:, 0] == outer[:, 1]).all())
    assert not bool((outer[0] == outer[1]).any())


# ----------------------------------------------------------------------------------------- errors
LOOKS = {
    "item": lambda x: x.sum().item(),
    "bool": lambda x: x if x.sum() > 0 else -x,
    "numpy": lambda x: x.numpy(),
    "tolist": lambda x: x.tolist(),
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 0],
    "unique": lambda x: x.unique(),
}


@pytest.mark.parametrize("name", LOOKS)
def test_values_of_a_sample_cannot_be_seen(name):
    with pytest.raises(RuntimeError, match=r"vmap: It looks like you're calling .item\(\)"):
        vmap(LOOKS[name])(X)


WRONG = {
    "no inputs": (lambda: vmap(lambda: X)(), "got no inputs"),
    "nothing mapped": (lambda: vmap(rl.exp, in_dims=(None,))(X), "at least one Tensor"),
    "sizes": (lambda: vmap(rl.add)(X, W), r"same size in the mapped dimension.*\[3, 4\]"),
    "a number": (lambda: vmap(rl.add)(X, 2.0), "cannot vmap over non-Tensor"),
    "out of range": (lambda: vmap(rl.exp, in_dims=2)(X), "-2 <= in_dim < 2"),
    "kind of in_dims": (lambda: vmap(rl.exp, in_dims="0")(X), "expected `in_dims` to be int"),
    "structure": (lambda: vmap(rl.exp, in_dims=(0, 0))(X), "in_dims is not compatible"),
    "kind of in_dim": (lambda: vmap(rl.exp, in_dims=(0.5,))(X), "either an integer dimension"),
    "kind of output": (lambda: vmap(lambda x: 3)(X), "must only return Tensors"),
    "out_dims None": (lambda: vmap(rl.exp, out_dims=None)(X), "can not return a BatchedTensor"),
    "out_dims": (lambda: vmap(rl.exp, out_dims=(0, 0))(X), "out_dims is not compatible"),
    "kind of out_dims": (lambda: vmap(rl.exp, out_dims="0")(X), "`out_dims` must be an int"),
    "chunks": (lambda: vmap(rl.exp, chunk_size=0), "chunk_size should be None or greater than 0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls(name):
    call, words = WRONG[name]
    with pytest.raises(ValueError, match=words):
        call()


def test_backward_inside_is_an_error():
    with pytest.raises(RuntimeError, match="inside a functorch transform"):
        vmap(lambda x: (x * W.sum().requires_grad_()).sum().backward())(X)


def test_errors_name_the_shape_of_one_sample():
    with pytest.raises(RuntimeError, match=r"\[4\]"):
        vmap(lambda x: x @ rl.ones(3, 3, dtype=rl.float64))(X)


def test_it_prints():
    seen = []
    vmap(lambda x: seen.append(repr(x)) or x)(rl.tensor([1.0, 2.0]))
    assert seen == ["BatchedTensor(lvl=1, bdim=0, value=\n    tensor([1., 2.])\n)"]


# ------------------------------------------------------------------------------------------ loops
def test_scan_inside_and_outside():
    xs = rl.tensor(values(3, 5, 4))

    def run(sequence, w):
        return rl.scan(lambda c, x: ((c * w + x).tanh(), c.sum()), rl.zeros(4).double(), sequence)

    got = vmap(run, in_dims=(0, None))(xs, X[0])
    want = [run(sequence, X[0]) for sequence in xs]
    close(got[0], rl.stack([last for last, _ in want]))
    close(got[1], rl.stack([stacked for _, stacked in want]))


@pytest.mark.parametrize("layer", [rl.nn.RNN, rl.nn.LSTM, rl.nn.GRU])
def test_a_jacobian_of_a_recurrent_layer(layer):
    rl.manual_seed(0)
    net = layer(3, 2, batch_first=True).double()
    x = rl.tensor(values(2, 4, 3))
    found = jacrev(lambda x: net(x)[0])(x)
    leaf = x.clone().requires_grad_()
    output = net(leaf)[0]
    flat = output.reshape(-1)
    rows = [rl.autograd.grad(each, leaf, retain_graph=True)[0] for each in flat]
    close(found.reshape(len(rows), 2, 4, 3), rl.stack(rows))
    _, pull = vjp(lambda x: vmap(lambda one: net(one)[0])(x), x)
    close(pull(rl.ones_like(output))[0], rl.stack(rows).sum(0))
