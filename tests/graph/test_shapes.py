"""The shape rules, right and wrong; reshape groups; specs and their patterns."""

import pytest

from rushlight.graph import contraction, creation, indexing, movement, reduction  # noqa: F401
from rushlight.graph.dtype import ALL, bool_, find_dtype, float32, int64
from rushlight.graph.node import PRIMITIVES
from rushlight.graph.spec import spec_of

F, B, I = float32, bool_, int64  # noqa: E741


def infer(name, specs, attributes=(), numbers=(), given=None):
    specs = tuple(spec_of(*spec) for spec in specs)
    given = spec_of(*given) if given else None
    return PRIMITIVES[name].infer(specs, attributes, numbers, given)


RIGHT = [
    ("add", [((2, 3), F), ((2, 3), F)], (), (), None, ((2, 3), F)),
    ("add", [((), F), ((2, 3), F)], (), (), None, ((2, 3), F)),
    ("lt", [((2,), F), ((), F)], (), (), None, ((2,), B)),
    ("where", [((2,), B), ((), F), ((), F)], (), (), None, ((2,), F)),
    ("where", [((), B), ((3,), F), ((), F)], (), (), None, ((3,), F)),
    ("cast", [((2,), F)], (), (), ((2,), I), ((2,), I)),
    ("reshape", [((2, 3, 4), F)], ((2, 1), (1, 1)), (), ((6, 4), F), ((6, 4), F)),
    ("permute", [((2, 3), F)], (1, 0), (), None, ((3, 2), F)),
    ("expand", [((3, 1), F)], (0, 2), (), ((3, 5, 4), F), ((3, 5, 4), F)),
    ("pad", [((3,), F), ((), F)], ("between",), (1, 2, 1), None, ((8,), F)),
    ("pad", [((0,), F), ((), F)], ("between",), (1, 2, 1), None, ((3,), F)),
    ("slice", [((5,), F)], ("backwards",), (4, -2), ((3,), F), ((3,), F)),
    ("slice", [((5,), F)], ("run",), (5, 1), ((0,), F), ((0,), F)),
    ("update", [((5,), F), ((2,), F)], ("steps",), (1, 3), ((5,), F), ((5,), F)),
    ("window", [((2, 9), F)], (1,), (2, 3), ((0, 0, 2), F), ((2, 3, 2), F)),
    ("fold", [((3, 2), F)], (0,), (2, 1), ((6,), F), ((6,), F)),
    ("concat", [((2, 3), F), ((2, 1), F)], (1,), (), None, ((2, 4), F)),
    ("sum", [((2, 3, 4), F)], (0, 2), (), None, ((3,), F)),
    ("argmax", [((2, 3), F)], (1,), (), None, ((2,), I)),
    ("cumsum", [((2, 3), F)], (1,), (), None, ((2, 3), F)),
    ("argsort", [((2, 3), F)], (1, False), (), None, ((2, 3), I)),
    ("contract", [((5, 2, 3), F), ((3, 5, 4), F)], ((0,), (1,), (2,), (0,)), (), None,
     ((5, 2, 4), F)),
    ("take", [((5, 3), F), ((7, 2), I)], (), (), None, ((7, 2, 3), F)),
    ("put", [((5, 3), F), ((7, 3), F), ((7,), I)], ("set",), (), None, ((5, 3), F)),
    ("gather", [((5, 3), F), ((2, 3), I)], (0,), (), None, ((2, 3), F)),
    ("scatter", [((5, 3), F), ((2, 3), I), ((2, 3), F)], (0, "add"), (), None, ((5, 3), F)),
    ("fence", [((5,), F), ((), I)], (), (), None, ((5,), F)),
    ("iota", [], (), (), ((4,), I), ((4,), I)),
]  # fmt: skip

WRONG = [
    ("add", [((2, 3), F), ((3,), F)], (), (), None),
    ("add", [((2,), F), ((2,), I)], (), (), None),
    ("eq", [((2,), F), ((3,), F)], (), (), None),
    ("where", [((2,), F), ((2,), F), ((2,), F)], (), (), None),
    ("where", [((3,), B), ((2,), F), ((2,), F)], (), (), None),
    ("where", [((2,), B), ((2,), F), ((2,), I)], (), (), None),
    ("reshape", [((2, 3), F)], ((2, 1),), (), ((7,), F)),
    ("reshape", [((2, 3), F)], ((1, 1), (1, 0)), (), ((6,), F)),
    ("permute", [((2, 3), F)], (0, 0), (), None),
    ("expand", [((2,), F)], (0,), (), ((3,), F)),
    ("expand", [((2, 3), F)], (0,), (), ((2, 3), F)),
    ("slice", [((5,), F)], ("run",), (4, 1), ((2,), F)),
    ("slice", [((5,), F)], ("whole",), (1, 1), ((3,), F)),
    ("pad", [((3,), F), ((), F)], ("whole",), (1, 2, 0), None),
    ("slice", [((5,), F)], ("backwards",), (1, -1), ((3,), F)),
    ("update", [((5,), F), ((2,), F)], ("run",), (4, 1), ((5,), F)),
    ("update", [((5,), F), ((2,), I)], ("run",), (0, 1), ((5,), F)),
    ("fold", [((3, 2), F)], (0,), (2, 1), ((8,), F)),
    ("concat", [((2, 3), F), ((3, 1), F)], (1,), (), None),
    ("concat", [((2, 3), F), ((2, 3), I)], (1,), (), None),
    ("contract", [((2, 3), F), ((4, 5), F)], ((), (), (1,), (0,)), (), None),
    ("contract", [((2, 3), F), ((3, 5), I)], ((), (), (1,), (0,)), (), None),
    ("take", [((5, 3), F), ((7,), I), ((6,), I)], (), (), None),
    ("take", [((5, 3), F), ((7,), F)], (), (), None),
    ("put", [((5, 3), F), ((7, 2), F), ((7,), I)], ("set",), (), None),
    ("put", [((5, 3), F), ((7, 3), I), ((7,), I)], ("set",), (), None),
    ("gather", [((5, 3), F), ((2, 4), I)], (0,), (), None),
    ("gather", [((5, 3), F), ((2, 3), F)], (0,), (), None),
    ("scatter", [((5, 3), F), ((2, 3), I), ((2, 2), F)], (0, "set"), (), None),
    ("scatter", [((5, 3), F), ((2, 4), I), ((2, 4), F)], (0, "set"), (), None),
]


@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case[0])
def test_what_a_rule_infers(case):
    *arguments, (shape, dtype) = case
    assert infer(*arguments) is spec_of(shape, dtype)


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[0])
def test_what_a_rule_refuses(case):
    with pytest.raises((ValueError, IndexError)):
        infer(*case)


GROUPS = [
    ((2, 3, 4), (6, 4), ((2, 1), (1, 1))),
    ((6, 4), (2, 3, 4), ((1, 2), (1, 1))),
    ((2, 3), (3, 2), ((2, 2),)),
    ((2, 3), (2, 1, 3), ((1, 1), (1, 2))),
    ((2, 3), (1, 2, 3), ((1, 2), (1, 1))),
    ((4,), (4,), ((1, 1),)),
    ((), (1, 1), ((0, 1), (0, 1))),
    ((1, 1), (), ((1, 0), (1, 0))),
    ((2, 0), (0, 5), ((2, 2),)),
    ((4, 9), (2, 2, 3, 3), ((1, 2), (1, 2))),
    ((5, 1), (5,), ((1, 1), (1, 0))),
]


@pytest.mark.parametrize(("old", "new", "groups"), GROUPS)
def test_reshape_groups(old, new, groups):
    assert movement.reshape_groups(old, new) == groups
    assert sum(a for a, _ in groups) == len(old)
    assert sum(b for _, b in groups) == len(new)


def test_specs_are_interned():
    spec = spec_of((2, 3), float32)
    assert spec is spec_of((2, 3), float32)
    assert spec.with_dtype(int64) is spec_of((2, 3), int64)
    assert spec.with_shape((6,)) is spec_of((6,), float32)
    assert (spec.rank, spec.size, spec.nbytes) == (2, 6, 24)
    assert spec_of((), float32).size == 1
    assert repr(spec) == "float32[2, 3]"


def test_patterns_tell_what_is_structure():
    pattern = spec_of((2, 3), float32).pattern
    assert pattern is spec_of((7, 9), float32).pattern
    assert repr(pattern) == "float32[?, ?]"
    for other in ((1, 3), (0, 3), (2, 3, 4), (2,)):
        assert spec_of(other, float32).pattern is not pattern
    assert spec_of((2, 3), int64).pattern is not pattern


def test_many_specs_do_not_pile_up(monkeypatch):
    from rushlight.graph import spec as module

    monkeypatch.setattr(module, "_specs", {})
    monkeypatch.setattr(module, "_MOST_SPECS", 10)
    for size in range(25):
        assert spec_of((size,), float32).shape == (size,)
        assert len(module._specs) <= 10


@pytest.mark.parametrize("dtype", ALL, ids=lambda dtype: dtype.name)
def test_dtypes_are_found_by_name(dtype):
    assert find_dtype(dtype.name) is dtype
    assert dtype.itemsize == dtype.storage.itemsize
