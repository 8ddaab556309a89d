"""einsum against NumPy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl
from tests.ops.harness import OpCase, table, values

SIZES = {"a": 2, "b": 3, "c": 4, "d": 2}
EQUATIONS = [
    "ab,bc->ac",
    "ab,bc",
    "ab,cb->ca",
    "ba",
    "ab->",
    "ab->b",
    "aa",
    "aa->a",
    "aab,b->a",
    "a,b->ab",
    "ab,ab->ab",
    "ab,ab->",
    "cab,cbd->cad",
    "abc,cd,db->a",
    "a,ab,b->",
    "ab,c->b",
    "da,db,dc->abc",
    "ab , bc -> ac",
]


def operands(equation):
    terms = equation.replace(" ", "").split("->")[0].split(",")
    return tuple(values(*[SIZES[name] for name in term], seed=i) for i, term in enumerate(terms))


CASES = [
    OpCase(
        equation,
        lambda *x, equation=equation: rl.einsum(equation, *x),
        operands(equation),
        lambda *x, equation=equation: np.einsum(equation, *x),
    )
    for equation in EQUATIONS
]
CASES += [
    OpCase(
        equation,
        lambda *x, equation=equation: rl.einsum(equation, *x),
        inputs,
        lambda *x, equation=equation: np.einsum(equation, *x),
    )
    for equation, inputs in [
        ("...ab,...bc->...ac", (values(5, 1, 2, 3), values(4, 3, 2))),
        ("...ab,bc", (values(5, 2, 3), values(3, 2))),
        ("a...,a->...", (values(2, 3, 4), values(2))),
        ("...", (values(2, 3),)),
        ("...a->a...", (values(2, 3, 4),)),
        ("ab,ab->ab", (values(2, 1), values(2, 3))),
        ("ab,bc->ac", (values(2, 1), values(3, 4))),
    ]
]


@table(CASES)
def test_equations(case, check):
    check(case)


def test_lists_of_numbers():
    a, b = rl.tensor(values(2, 3)), rl.tensor(values(3, 4))
    want = (a @ b).numpy()
    np.testing.assert_allclose(rl.einsum(a, [0, 1], b, [1, 2], [0, 2]).numpy(), want)
    np.testing.assert_allclose(rl.einsum(a, [5, 7], b, [7, 9]).numpy(), want)
    np.testing.assert_allclose(rl.einsum(a, [..., 1], b, [1, 2], [..., 2]).numpy(), want)


ERRORS = [
    ("ab,bc->ac", (values(2, 3), values(4, 5)), "subscript b has size 4 for operand 1"),
    ("ab,bc->ad", (values(2, 3), values(3, 5)), "output subscript d does not appear"),
    ("ab,bc", (values(2, 3),), "more subscripts than operands"),
    ("ab", (values(2, 3), values(2)), "fewer subscripts than operands"),
    ("a", (values(2, 3),), "does not match the number of dimensions"),
    ("abc", (values(2, 3),), "is more than the number of dimensions"),
    ("aa", (values(2, 3),), "repeated for an operand but the sizes don't match"),
    ("a1", (values(2, 3),), "invalid subscript"),
    ("a.b", (values(2, 3),), "not part of any ellipsis"),
    ("ab->aa", (values(2, 3),), "more than once in the output"),
]


@pytest.mark.parametrize(("equation", "inputs", "words"), ERRORS)
def test_errors(equation, inputs, words):
    with pytest.raises(RuntimeError, match=words):
        rl.einsum(equation, *[rl.tensor(x) for x in inputs])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text("abcd", max_size=3), min_size=1, max_size=3), st.data())
def test_any_equation(terms, data):
    used = sorted(set("".join(terms)))
    output = data.draw(st.lists(st.sampled_from(used), unique=True)) if used else []
    equation = f"{','.join(terms)}->{''.join(output)}"
    arrays = [values(*[SIZES[name] for name in term], seed=i) for i, term in enumerate(terms)]
    want = np.einsum(equation, *arrays)
    found = rl.einsum(equation, *[rl.tensor(x) for x in arrays])
    assert found.shape == want.shape
    np.testing.assert_allclose(found.numpy(), want, atol=1e-12)
