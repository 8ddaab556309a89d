"""Functions of one operand beside the smooth ones."""

import numpy as np
import pytest

import rushlight as rl
from tests.ops.harness import OpCase, integers, table, values

EDGES = np.array([0.0, -0.0, 1.5, -2.0, np.inf, -np.inf, np.nan, 1e-310])

CASES = [
    OpCase("deg2rad", rl.deg2rad, (values(3, 4),), np.deg2rad),
    OpCase("rad2deg", rl.rad2deg, (values(3, 4),), np.rad2deg, tolerance=1e-5),
    OpCase("sinc", rl.sinc, (values(3, 4),), np.sinc, also=((np.zeros(2),),)),
    OpCase("signbit", rl.signbit, (EDGES,), np.signbit, grad=False, also=((integers(5),),)),
    OpCase("isposinf", rl.isposinf, (EDGES,), np.isposinf, grad=False),
    OpCase("isneginf", rl.isneginf, (EDGES,), np.isneginf, grad=False),
    OpCase("frexp", rl.frexp, (values(3, 4),), np.frexp, dtypes=("float32", "float16")),
    OpCase("frexp of edges", rl.frexp, (EDGES,), np.frexp, grad=False),
]


@table(CASES)
def test_signs(case, check):
    check(case)


def test_integers_become_floats():
    assert rl.deg2rad(rl.tensor([180])).dtype is rl.float32
    assert rl.sinc(rl.tensor([0, 1])).dtype is rl.float32
    assert rl.signbit(rl.tensor([True])).tolist() == [False]


def test_the_slope_of_sinc_at_zero():
    x = rl.zeros(1, requires_grad=True)
    rl.sinc(x).backward()
    assert x.grad.item() == 0


def test_wrong_arguments():
    with pytest.raises(RuntimeError, match="only supports floating-point dtypes"):
        rl.frexp(rl.tensor([1]))


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_kernels_know_the_sign_of_a_zero(name):
    edges = rl.tensor(np.resize([0.0, -0.0, 1.5, -2.0, np.inf, -np.inf], 5003)).to(
        getattr(rl, name)
    )
    others = edges.flip(0) * 2
    got = rl.copysign(edges, others).double().numpy()
    want = np.copysign(edges.double().numpy(), others.double().numpy())
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want))
    np.testing.assert_array_equal(rl.signbit(edges * 3).numpy(), np.signbit(edges.double().numpy()))
