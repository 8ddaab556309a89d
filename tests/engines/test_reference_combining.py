"""Reductions, running ones, sorting, contractions, indexing and creation of the reference."""

import math

import numpy as np
import pytest

from rushlight.engines.reference.creation import threefry
from rushlight.graph import contraction, creation, indexing
from rushlight.graph import reduction as r
from rushlight.graph.dtype import find_dtype, float32, int8, uint64
from rushlight.graph.node import PRIMITIVES
from tests.engines.harness import HERE, assert_same, given, value

pytestmark = pytest.mark.usefixtures("reference_engine")

NAN = math.nan
SIX = [[1.0, 5.0, 3.0], [4.0, 2.0, 6.0]]

REDUCTIONS = [
    ("sum", "float32", SIX, (0, 1), 21),
    ("sum", "float32", SIX, (1,), [9, 12]),
    ("sum", "float32", SIX, (), SIX),
    ("sum", "int8", [100, 100], (0,), -56),
    ("sum", "bool", [True, True], (0,), True),
    ("sum", "float16", [2048, 1, 1], (0,), 2050),
    ("sum", "bfloat16", [256, 1, 1], (0,), 258),
    ("sum", "complex64", [1j, 2], (0,), 2 + 1j),
    ("sum", "float32", [[], []], (1,), [0, 0]),
    ("prod", "float64", SIX, (0,), [4, 10, 18]),
    ("prod", "uint8", [16, 17], (0,), 16),
    ("prod", "float32", [], (0,), 1),
    ("max", "float32", SIX, (0,), [4, 5, 6]),
    ("max", "float32", [1, NAN, 2], (0,), NAN),
    ("max", "bool", [[False, True], [False, False]], (1,), [True, False]),
    ("max", "float32", [[], []], (0,), []),
    ("min", "int32", [[3, -1]], (0, 1), -1),
    ("min", "float32", [1, NAN, 2], (0,), NAN),
    ("min", "bool", [[False, True], [True, True]], (1,), [False, True]),
    ("argmax", "float32", SIX, (1,), [1, 2]),
    ("argmax", "float32", [1, NAN, 9, NAN], (0,), 1),
    ("argmax", "int32", [3, 3, 1], (0,), 0),
    ("argmin", "float32", SIX, (0,), [0, 1, 0]),
    ("argmin", "float32", [1, NAN, 0], (0,), 1),
]

RUNNING = [
    ("cumsum", "float32", [1, 2, 3], [1, 3, 6]),
    ("cumsum", "int8", [100, 100], [100, -56]),
    ("cumsum", "float16", [2048, 1, 1], [2048, 2048, 2050]),
    ("cumprod", "float64", [1, 2, 3], [1, 2, 6]),
    ("cummax", "float32", [1, 3, 2, NAN, 5], [1, 3, 3, NAN, NAN]),
    ("cummin", "float32", [1, 3, 0, NAN, 5], [1, 1, 0, NAN, NAN]),
]


@pytest.mark.parametrize(("name", "dtype", "x", "axes", "expected"), REDUCTIONS)
def test_reductions(name, dtype, x, axes, expected):
    assert_same(value(r.reduce(PRIMITIVES[name], given(x, dtype), axes)), expected)


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin"])
def test_nothing_has_no_extreme(name):
    node = r.reduce(PRIMITIVES[name], given(np.zeros((2, 0))), (1,))
    with pytest.raises(IndexError, match=rf"{name}\(\): Expected reduction dim 1 to have non-zero"):
        value(node)


@pytest.mark.parametrize(("name", "dtype", "x", "expected"), RUNNING)
def test_running(name, dtype, x, expected):
    assert_same(value(r.running(PRIMITIVES[name], given(x, dtype), 0)), expected)
    both = value(r.running(PRIMITIVES[name], given([x, x], dtype), 1))
    assert_same(both, [expected, expected])


def test_argsort_is_stable_both_ways():
    x = given([1.0, NAN, 1.0, 3.0, NAN])
    assert_same(value(r.argsort(x, 0)), [0, 2, 3, 1, 4])
    assert_same(value(r.argsort(x, 0, descending=True)), [1, 4, 3, 0, 2])
    assert_same(value(r.argsort(given(SIX), 0, descending=True)), [[1, 0, 1], [0, 1, 0]])
    assert_same(value(r.argsort(given([True, False, True]), 0)), [1, 0, 2])


CONTRACTIONS = [
    ((2, 3), (3, 4), (1,), (0,), (), (), "ij,jk->ik"),
    ((2, 3), (4, 3), (1,), (1,), (), (), "ij,kj->ik"),
    ((5, 2, 3), (5, 3, 4), (2,), (1,), (0,), (0,), "bij,bjk->bik"),
    ((2, 3, 5), (4, 5, 3), (1,), (2,), (2,), (1,), "ijb,kbj->bik"),
    ((2, 3, 4), (3, 4, 2), (1, 2), (0, 1), (), (), "ijk,jkl->il"),
    ((2, 3), (2, 3), (0, 1), (0, 1), (), (), "ij,ij->"),
    ((3,), (4,), (), (), (), (), "i,j->ij"),
    ((3, 2), (3, 2), (), (), (1, 0), (1, 0), "ij,ij->ji"),
    ((2, 0), (0, 3), (1,), (0,), (), (), "ij,jk->ik"),
    ((0, 2), (2, 3), (1,), (0,), (), (), "ij,jk->ik"),
]


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "int32", "uint8", "complex64"])
@pytest.mark.parametrize("case", CONTRACTIONS)
def test_contractions(case, dtype):
    shape_a, shape_b, over_a, over_b, batch_a, batch_b, formula = case
    a = np.arange(float(np.prod(shape_a))).reshape(shape_a) % 7 - 1
    b = np.arange(float(np.prod(shape_b))).reshape(shape_b) % 5 + 1
    a, b = given(np.abs(a), dtype), given(b, dtype)
    node = contraction.contract(a, b, over_a, over_b, batch_a, batch_b)
    expected = np.einsum(formula, value(a), value(b))
    assert_same(value(node), expected)


def test_contractions_wrap_and_round():
    node = contraction.contract(given([16, 16], "uint8"), given([16, 1], "uint8"), (0,), (0,))
    assert_same(value(node), 16)
    node = contraction.contract(given([True, True]), given([True, False]), (0,), (0,))
    assert_same(value(node), True)
    half = given([2048, 1, 1], "float16"), given([1, 1, 1], "float16")
    assert_same(value(contraction.contract(*half, (0,), (0,))), 2050)


def test_take_and_put():
    x = given(SIX)
    rows = given([[1, -2], [0, 0]])
    assert_same(value(indexing.take(x, (rows,), HERE)), np.array(SIX)[[[1, 0], [0, 0]]])
    pair = given([0, 1, 1]), given([2, -1, 0])
    assert_same(value(indexing.take(x, pair, HERE)), [3, 6, 4])
    part = given([10.0, 20.0, 30.0])
    same = given([0, 0, 1]), given([1, 1, -1])
    modes = {"set": (20, 30), "add": (35, 36), "multiply": (1000, 180)}
    modes |= {"maximum": (20, 30), "minimum": (5, 6)}
    for mode, (first, second) in modes.items():
        expected = [[1, first, 3], [4, 2, second]]
        assert_same(value(indexing.put(x, part, same, mode, HERE)), expected)
    assert_same(value(x), SIX)


def test_take_and_put_of_nothing():
    none = given(np.zeros((0,), np.int64))
    assert value(indexing.take(given(np.zeros((0, 3))), (none,), HERE)).shape == (0, 3)
    part = given(np.zeros((0, 3)))
    assert_same(value(indexing.put(given(SIX), part, (none,), "add", HERE)), SIX)


def test_gather_and_scatter():
    x, places = given(SIX), given([[2, 0], [1, 1]])
    assert_same(value(indexing.gather(x, places, 1, HERE)), [[3, 1], [2, 2]])
    assert_same(value(indexing.gather(x, given([[1, 0]]), 0, HERE)), [[4, 5]])
    part = given([[10.0, 20.0], [30.0, 40.0]])
    modes = {
        "set": [[20, 5, 10], [4, 40, 6]],
        "add": [[21, 5, 13], [4, 72, 6]],
        "multiply": [[20, 5, 30], [4, 2400, 6]],
        "maximum": [[20, 5, 10], [4, 40, 6]],
        "minimum": SIX[:1] + [[4, 2, 6]],
    }
    for mode, expected in modes.items():
        assert_same(value(indexing.scatter(x, places, part, 1, mode, HERE)), expected)


def test_places_outside_are_errors_that_name_their_operation():
    words = r"index 7 is out of bounds for dimension 1 with size 3\nIn test, recorded at here.py:1"
    with pytest.raises(IndexError, match=words):
        value(indexing.take(given(SIX), (given([0, 1]), given([2, 7])), HERE))
    with pytest.raises(IndexError, match="index -3 is out of bounds for dimension 0 with size 2"):
        value(indexing.take(given(SIX), (given([-2, -3]),), HERE))
    part = given([[1.0]])
    with pytest.raises(IndexError, match="index 2 is out of bounds"):
        value(indexing.put(given([[1.0]]), part, (given([2]),), "set", HERE))
    with pytest.raises(IndexError, match="index -1 is out of bounds"):
        value(indexing.gather(given(SIX), given([[-1]]), 1, HERE))
    with pytest.raises(IndexError, match="index 3 is out of bounds"):
        value(indexing.scatter(given(SIX), given([[3]]), part, 1, "set", HERE))


def test_fence_hands_its_first_operand_on():
    assert_same(value(indexing.fence(given(SIX), given(0.0))), SIX)


NUMBERS = [
    (1.1, "float32", np.float32(1.1)),
    (1.1, "bfloat16", 1.1015625),
    (300, "uint8", 44),
    (-1, "uint64", 2**64 - 1),
    (2**63, "int64", -(2**63)),
    (-1.9, "int8", -1),
    (2, "bool", True),
    (1e300, "float32", math.inf),
    (1 + 2j, "complex64", 1 + 2j),
]


@pytest.mark.parametrize(("number", "dtype", "expected"), NUMBERS)
def test_numbers_and_literals(number, dtype, expected):
    assert_same(value(creation.number(number, find_dtype(dtype))), expected)
    assert_same(value(creation.literal(number, find_dtype(dtype))), expected)


def test_iota():
    assert_same(value(creation.iota(3)), [0, 1, 2])
    assert_same(value(creation.iota(0)), np.zeros(0, np.int64))


ONES = 0xFFFFFFFF
KNOWN_ANSWERS = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((ONES, ONES), (ONES, ONES), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("key", "counter", "expected"), KNOWN_ANSWERS)
def test_threefry_gives_the_known_answers_of_its_authors(key, counter, expected):
    low, high = (np.array([word], np.uint32) for word in counter)
    assert tuple(int(word[0]) for word in threefry(key, low, high)) == expected


def threefry_in_plain_integers(key, counter):
    words = [*key, key[0] ^ key[1] ^ 0x1BD11BDA]
    x, y = (counter[0] + key[0]) & ONES, (counter[1] + key[1]) & ONES
    for step in range(20):
        rotation = (13, 15, 26, 6, 17, 29, 16, 24)[step % 8]
        x = (x + y) & ONES
        y = ((y << rotation | y >> (32 - rotation)) & ONES) ^ x
        if step % 4 == 3:
            turn = step // 4 + 1
            x, y = (x + words[turn % 3]) & ONES, (y + words[(turn + 1) % 3] + turn) & ONES
    return x, y


def test_random_bits_are_a_function_of_seed_offset_and_index():
    seed, offset = 0x0123456789ABCDEF, 5
    key = threefry_in_plain_integers((0x89ABCDEF, 0x01234567), (5, 0))
    expected = [threefry_in_plain_integers(key, (index, 0))[0] for index in range(6)]
    assert_same(value(creation.random_bits((2, 3), seed, offset)).ravel(), expected)
    assert_same(value(creation.random_bits((4,), seed, offset)), expected[:4])
    other = value(creation.random_bits((4,), seed, offset + 1))
    assert (other != expected[:4]).all()


@pytest.mark.parametrize("seed", [-1, 2**64 - 1])
def test_negative_seeds_are_taken_modulo_two_to_the_64(seed):
    expected = value(creation.random_bits((2,), -1, 0))
    assert_same(value(creation.random_bits((2,), seed, 0)), expected)
    assert value(creation.number(seed, uint64)) == 2**64 - 1
    assert value(creation.number(seed, int8)) == -1
    assert value(creation.number(seed % 2**64, float32)) == 2.0**64
