"""vmap, jvp and jacrev of every row in the tables of operations."""

import os

import numpy as np
import pytest

import rushlight as rl
from rushlight.autograd import functional
from rushlight.func import grad, hessian, jacrev, jvp, vmap
from tests.func.cases import every_case
from tests.ops.harness import array_of, flat

LOOKS_AT_VALUES = {"one_hot", "masked_select", "repeat_interleave_counts", "nonzero"}
LOOKS_AT_VALUES |= {"nonzero_tuple", "argwhere"}
SEES_SHARED_VALUES = {("some", "masked_select"), ("some", "repeat_interleave_counts")}
CASES = [case for case in every_case() if case.inputs]
SAMPLES = 3
FEW = CASES[::25]
"""Compiling takes long, so the compiled engine sees some of the rows."""


@pytest.fixture
def engine(request):
    """The engine of the name that a test asks for, while it runs."""
    rl.use_engine(request.param)
    yield
    rl.use_engine(os.environ.get("RUSHLIGHT_ENGINE") or "cpu")


def on_both(cases):
    """Every row on the reference engine, and some on the compiled one."""
    rows = [(case, "reference") for case in cases]
    rows += [(case, "cpu") for case in FEW if case in cases]
    names = [f"{case}-{name}" for case, name in rows]
    return pytest.mark.parametrize(("case", "engine"), rows, ids=names, indirect=["engine"])


def leaves_of(case):
    return [leaf for leaf in flat(case.inputs) if isinstance(leaf, np.ndarray)]


def rebuilt(inputs, tensors):
    """The row's inputs with tensors in the place of arrays."""
    if isinstance(inputs, np.ndarray):
        return next(tensors)
    if isinstance(inputs, (list, tuple)):
        return type(inputs)([rebuilt(item, tensors) for item in inputs])
    return inputs


def called(case, *tensors):
    outputs = flat(case.function(*rebuilt(case.inputs, iter(tensors))))
    return tuple(output for output in outputs if isinstance(output, rl.Tensor))


def samples_of(leaf, place):
    """Some variants of an array; the first is the array itself."""
    if leaf.dtype != np.float64:
        return np.stack([leaf] * SAMPLES)
    return np.stack([leaf * (1 - 0.015625 * i * (place + 1)) for i in range(SAMPLES)])


def dims_of(leaves, which):
    """Where the samples lie in each leaf: at first, at last, or only in every other one."""
    if which == "first":
        return [0] * len(leaves)
    if which == "last":
        return [leaf.ndim for leaf in leaves]
    return [0 if place % 2 == 0 else None for place in range(len(leaves))]


def close(got, want, tolerance=1e-9):
    got, want = array_of(got), array_of(want)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def mapped_and_looped(case, which):
    leaves = leaves_of(case)
    dims = dims_of(leaves, which)
    if all(dim is None for dim in dims):
        pytest.skip("no input to map over")
    given, every = [], []
    for place, (leaf, dim) in enumerate(zip(leaves, dims, strict=True)):
        if dim is None:
            given.append(rl.tensor(leaf))
            every.append([given[-1]] * SAMPLES)
            continue
        whole = samples_of(leaf, place)
        given.append(rl.tensor(np.ascontiguousarray(np.moveaxis(whole, 0, dim))))
        every.append([rl.tensor(part) for part in whole])
    function = lambda *tensors: called(case, *tensors)  # noqa: E731
    got = vmap(function, in_dims=tuple(dims))(*given)
    want = [function(*tensors) for tensors in zip(*every, strict=True)]
    return got, [rl.stack(column) for column in zip(*want, strict=True)]


@pytest.mark.parametrize("which", ["first", "last", "some"])
@on_both(CASES)
def test_vmap_is_a_loop(case, engine, which):
    if case.name in LOOKS_AT_VALUES and (which, case.name) not in SEES_SHARED_VALUES:
        with pytest.raises(RuntimeError, match="vmap: It looks like"):
            mapped_and_looped(case, which)
        return
    if case.name == "as_strided of a view":
        with pytest.raises(RuntimeError, match="out of bounds for storage"):
            mapped_and_looped(case, which)
        return
    got, want = mapped_and_looped(case, which)
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert a.dtype is b.dtype
        close(a, b, case.tolerance or 1e-9)


DIFFERENTIABLE = [case for case in CASES if case.grad and case.gradgrad]
OF_SAMPLES = [case for case in DIFFERENTIABLE if not case.name.startswith("as_strided")]
"""Those that see no more of a view than it shows."""


@on_both(DIFFERENTIABLE)
def test_jvp_is_the_jacobian_times_the_vector_and_that_of_differences(case, engine):
    leaves = leaves_of(case)
    wanted = [leaf.dtype == np.float64 for leaf in leaves]
    floats = [rl.tensor(leaf) for leaf, real in zip(leaves, wanted, strict=True) if real]
    generator = np.random.default_rng(0)
    vectors = [rl.tensor(generator.uniform(-1, 1, tuple(t.shape))) for t in floats]

    def function(*tensors):
        given = iter(tensors)
        pairs = zip(leaves, wanted, strict=True)
        every = [next(given) if real else rl.tensor(leaf) for leaf, real in pairs]
        outputs = called(case, *every)
        return tuple(output for output in outputs if output.dtype.is_floating_point)

    _, tangents = jvp(function, tuple(floats), tuple(vectors))
    rows = jacrev(function, tuple(range(len(floats))))(*floats)
    step = 1e-6
    above = function(*[x + step * v for x, v in zip(floats, vectors, strict=True)])
    below = function(*[x - step * v for x, v in zip(floats, vectors, strict=True)])
    for place, tangent in enumerate(tangents):
        total = sum(
            (block * v).sum(tuple(range(tangent.ndim, block.ndim)) or None) if v.ndim else block * v
            for block, v in zip(rows[place], vectors, strict=True)
        )
        close(tangent, total)
        close(tangent, (above[place] - below[place]) / (2 * step), 1e-5)


def smooth_sum(case):
    """One number of all outputs, as a function of the floating point inputs; and these."""
    leaves = leaves_of(case)
    floats = [rl.tensor(leaf) for leaf in leaves if leaf.dtype == np.float64]

    def function(*tensors):
        given = iter(tensors)
        every = [next(given) if leaf.dtype == np.float64 else rl.tensor(leaf) for leaf in leaves]
        outputs = [output for output in called(case, *every) if output.dtype.is_floating_point]
        return sum((output * output.detach().cos()).sum() for output in outputs)

    return function, floats


def two_of(floats):
    return [rl.stack([tensor, tensor * 0.984375]) for tensor in floats]


@on_both(OF_SAMPLES)
def test_gradients_of_each_sample(case, engine):
    function, floats = smooth_sum(case)
    every, pairs = tuple(range(len(floats))), two_of(floats)
    got = vmap(grad(function, every))(*pairs)
    whole = grad(lambda *tensors: vmap(function)(*tensors).sum(), every)(*pairs)
    for place in range(2):
        want = grad(function, every)(*[pair[place] for pair in pairs])
        for a, b, c in zip(got, whole, want, strict=True):
            close(a[place], c, 1e-8)
            close(b[place], c, 1e-8)


@on_both(OF_SAMPLES[::6])
def test_hessians_and_maps_of_maps(case, engine):
    function, floats = smooth_sum(case)
    every = tuple(range(len(floats)))
    found = hessian(function, every)(*floats)
    want = functional.hessian(function, tuple(floats))
    sizes = [tensor.numel() for tensor in floats]
    for i, row in enumerate(found):
        for j, block in enumerate(row):
            close(block, want[i][j], 1e-8)
            turned = found[j][i].reshape(sizes[j], sizes[i]).T
            close(block.reshape(sizes[i], sizes[j]), turned, 1e-8)
    pairs = two_of(two_of(floats))
    got = vmap(vmap(function))(*pairs)
    for i in range(2):
        for j in range(2):
            close(got[i, j], function(*[pair[i, j] for pair in pairs]), 1e-8)
