"""Mathematical functions against NumPy in a wider type, in units of the last place."""

import numpy as np
import pytest

from rushlight.engines.cpu import build, functions
from rushlight.engines.cpu.builder import POINTER
from rushlight.engines.reference import special
from rushlight.graph.dtype import bfloat16, float32, float64, from_bfloat16_bits, to_bfloat16_bits
from tests.engines.cpu.kernels import elementwise

NUMPY = {"round": np.rint, "abs": np.abs, "neg": np.negative}
SPECIAL = {name: getattr(special, name) for name in ("erf", "erfc", "erfinv", "lgamma", "digamma")}
NUMPY |= SPECIAL
NUMPY |= {name: getattr(np, f"arc{name[1:]}") for name in ("asin", "acos", "atan")}
NUMPY |= {name: getattr(np, f"arc{name[1:]}") for name in ("asinh", "acosh", "atanh")}
TWO_OPERANDS = ("pow", "atan2")
BOUNDS = {"erf": 5.2, "expm1": 2.0, "tanh": 2.6, "log10": 2.0}
BOUNDS |= {"tan": 2.2, "sinh": 2.2, "cosh": 2.0, "asinh": 2.0, "acosh": 2.5}

# extended precision is what NumPy's longdouble has on x86, but not everywhere
HAS_LONG_DOUBLES = np.finfo(np.longdouble).nmant > 60


def points(numpy_type):
    """Numbers of every size, many near the places where functions change, and special ones."""
    random = np.random.default_rng(0)
    unsigned = np.uint32 if numpy_type == np.float32 else np.uint64
    anything = random.integers(0, np.iinfo(unsigned).max, 30_000, unsigned).view(numpy_type)
    spread = [random.uniform(-size, size, 20_000) for size in (1, 10, 110, 1100)]
    near_one = 1 + random.uniform(-0.01, 0.01, 10_000)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.0, 1e-45, -1e-45, 1e-38, 1e30]
    parts = [anything, *spread, near_one, special]
    with np.errstate(all="ignore"):
        return np.concatenate([np.asarray(part).astype(numpy_type) for part in parts])


def ulps(got, wanted):
    """The error of each number in units of the last place; 0 where both are the same."""
    with np.errstate(all="ignore"):
        rounded = wanted.astype(got.dtype)
        unit = np.spacing(np.minimum(np.abs(rounded), np.finfo(got.dtype).max))
        error = np.abs(got.astype(wanted.dtype) - wanted) / unit
        same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
        return np.where(same, 0, np.where(np.isfinite(error), error, np.inf))


def reference(name):
    return NUMPY.get(name) or getattr(np, name)


@pytest.mark.parametrize("name", sorted(functions.EMITTED[float32] - set(TWO_OPERANDS)))
def test_float32(name):
    x = points(np.float32)
    result = np.empty_like(x)
    compute = lambda f, v: functions.emit_unary(f, name, v)  # noqa: E731
    elementwise(compute, [x], result, [float32, float32], 8)
    with np.errstate(all="ignore"):
        wanted = reference(name)(x.astype(np.float64))
    error = ulps(result, wanted)
    worst = int(np.argmax(error))
    assert error[worst] <= BOUNDS.get(name, 1.6), f"{name}({x[worst]}) = {result[worst]}"


@pytest.mark.skipif(not HAS_LONG_DOUBLES, reason="needs a type wider than float64")
@pytest.mark.parametrize("name", sorted(functions.EMITTED[float64] - {*SPECIAL, *TWO_OPERANDS}))
def test_float64(name):
    x = points(np.float64)
    result = np.empty_like(x)
    compute = lambda f, v: functions.emit_unary(f, name, v)  # noqa: E731
    elementwise(compute, [x], result, [float64, float64], 4)
    with np.errstate(all="ignore"):
        wanted = reference(name)(x.astype(np.longdouble))
    error = ulps(result, wanted)
    worst = int(np.argmax(error))
    assert error[worst] <= BOUNDS.get(name, 1.6), f"{name}({x[worst]}) = {result[worst]}"


# (function, number, value to 17 digits)
EXACT = [
    ("erf", -5.5, -0.9999999999999927),
    ("erf", -1.01, -0.8468104962282768),
    ("erf", -0.3, -0.3286267594591274),
    ("erf", 1e-09, 1.1283791670955127e-09),
    ("erf", 0.2, 0.22270258921047847),
    ("erf", 0.7, 0.6778011938374184),
    ("erf", 0.99, 0.8385080695553698),
    ("erf", 1.3, 0.9340079449406524),
    ("erf", 2.2, 0.9981371537020182),
    ("erf", 3.9, 0.9999999652077514),
    ("erf", 5.0, 0.9999999999984626),
    ("erfc", -5.0, 1.9999999999984626),
    ("erfc", -1.01, 1.8468104962282768),
    ("erfc", -0.3, 1.3286267594591274),
    ("erfc", 1e-09, 0.9999999988716208),
    ("erfc", 0.2, 0.7772974107895215),
    ("erfc", 0.49, 0.4883317388114769),
    ("erfc", 0.51, 0.4707563801588296),
    ("erfc", 0.99, 0.1614919304446302),
    ("erfc", 1.3, 0.06599205505934755),
    ("erfc", 2.2, 0.0018628462979818898),
    ("erfc", 3.9, 3.4792248597231765e-08),
    ("erfc", 5.0, 1.537459794428035e-12),
    ("erfc", 11.3, 1.7442148479967189e-57),
    ("erfc", 20.7, 2.2085481102488885e-188),
    ("erfc", 26.1, 3.081217493314593e-298),
    ("erfinv", -0.999999, -3.458910737275499),
    ("erfinv", -0.7, -0.7328690779592167),
    ("erfinv", -0.1, -0.08885599049425769),
    ("erfinv", 1e-09, 8.86226925452758e-10),
    ("erfinv", 0.001, 0.0008862271574665521),
    ("erfinv", 0.3, 0.2724627147267543),
    ("erfinv", 0.49, 0.46586860023505733),
    ("erfinv", 0.51, 0.4881220505159588),
    ("erfinv", 0.9, 1.1630871536766743),
    ("erfinv", 0.99, 1.8213863677184494),
    ("erfinv", 0.9999999, 3.7665625816384707),
    ("erfinv", 0.9999999999999991, 5.686128441310391),
    ("lgamma", -170.3, -706.7582817976472),
    ("lgamma", -33.6, -85.97184582660222),
    ("lgamma", -2.5, -0.056243716497674054),
    ("lgamma", -1.3, 1.2024757863901114),
    ("lgamma", -0.4, 1.31452458994339),
    ("lgamma", -1e-09, 20.723265837523627),
    ("lgamma", 1e-30, 69.07755278982137),
    ("lgamma", 1e-05, 11.512919692895826),
    ("lgamma", 0.3, 1.0957979948180756),
    ("lgamma", 0.74, 0.2142675463050807),
    ("lgamma", 0.99, 0.005854806764709781),
    ("lgamma", 1.01, -0.005690307946069651),
    ("lgamma", 1.5, -0.12078223763524522),
    ("lgamma", 1.99, -0.004195529088791668),
    ("lgamma", 2.01, 0.004260022907098346),
    ("lgamma", 2.7, 0.4348205536551047),
    ("lgamma", 4.4, 2.3161034914248577),
    ("lgamma", 7.9, 8.32426586800881),
    ("lgamma", 8.1, 8.72738826343204),
    ("lgamma", 30.2, 71.93460296839498),
    ("lgamma", 100000.0, 1051287.7089736569),
    ("lgamma", 1e200, 4.595170185988091e202),
    ("digamma", -33.6, 2.508567880945745),
    ("digamma", -2.5, 1.103156640645243),
    ("digamma", -1.3, 2.8825405488661673),
    ("digamma", -0.4, 0.9593807861068093),
    ("digamma", 1e-05, -100000.57719921567),
    ("digamma", 0.3, -3.502524222200133),
    ("digamma", 0.74, -1.111548145216255),
    ("digamma", 1.01, -0.5608854578686745),
    ("digamma", 1.46, -0.0015805619870834522),
    ("digamma", 1.5, 0.03648997397857652),
    ("digamma", 2.01, 0.4292135520323155),
    ("digamma", 4.4, 1.3636854834260885),
    ("digamma", 7.9, 2.002238487563571),
    ("digamma", 8.1, 2.0288674570805814),
    ("digamma", 30.2, 3.3911942727415623),
    ("digamma", 100000.0, 11.512920464961896),
    ("digamma", 1e200, 460.51701859880916),
]
SPECIAL_BOUNDS = {"erf": 2, "erfc": 4, "erfinv": 5, "lgamma": 4, "digamma": 9}


@pytest.mark.parametrize("name", sorted(SPECIAL))
def test_special_functions_in_float64(name):
    """Near their zeros lgamma and digamma are as accurate as numbers around 1."""
    x = np.array([number for function, number, _ in EXACT if function == name])
    wanted = np.array([value for function, _, value in EXACT if function == name])
    result = np.empty_like(x)
    compute = lambda f, v: functions.emit_unary(f, name, v)  # noqa: E731
    elementwise(compute, [x], result, [float64, float64], 4)
    least = 1 if name in ("lgamma", "digamma") else 0
    unit = np.spacing(np.maximum(np.abs(wanted), least))
    np.testing.assert_array_less(np.abs(result - wanted) / unit, SPECIAL_BOUNDS[name])


@pytest.mark.parametrize("name", sorted(SPECIAL))
def test_special_functions_of_special_numbers(name):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, -2.0])
    result = np.empty_like(x)
    compute = lambda f, v: functions.emit_unary(f, name, v)  # noqa: E731
    elementwise(compute, [x], result, [float64, float64], 4)
    with np.errstate(all="ignore"):
        wanted = SPECIAL[name](x)
    np.testing.assert_allclose(result, wanted, 1e-14, 1e-15)


@pytest.mark.skipif(not HAS_LONG_DOUBLES, reason="needs a type wider than float64")
@pytest.mark.parametrize("name", TWO_OPERANDS)
def test_two_operands_in_float64(name):
    random = np.random.default_rng(1)
    x = points(np.float64)
    whole = np.rint(random.uniform(-9, 9, x.size))
    for y in (random.permutation(x), random.uniform(-20, 20, x.size), whole):
        result = np.empty_like(x)
        compute = lambda f, v, w: functions.emit_binary(f, name, v, w)  # noqa: E731
        elementwise(compute, [x, y], result, [float64] * 3, 4)
        with np.errstate(all="ignore"):
            wide = x.astype(np.longdouble), y.astype(np.longdouble)
            wanted = np.power(*wide) if name == "pow" else np.arctan2(*wide)
        error = ulps(result, wanted)
        worst = int(np.argmax(error))
        assert error[worst] <= 2, f"{name}({x[worst]}, {y[worst]}) = {result[worst]}"


@pytest.mark.parametrize("name", TWO_OPERANDS)
def test_two_operands(name):
    random = np.random.default_rng(1)
    x = points(np.float32)
    whole = np.rint(random.uniform(-9, 9, x.size)).astype(np.float32)
    for y in (random.permutation(x), random.uniform(-20, 20, x.size).astype(np.float32), whole):
        result = np.empty_like(x)
        compute = lambda f, v, w: functions.emit_binary(f, name, v, w)  # noqa: E731
        elementwise(compute, [x, y], result, [float32] * 3, 8)
        with np.errstate(all="ignore"):
            wide = x.astype(np.float64), y.astype(np.float64)
            wanted = np.power(*wide) if name == "pow" else np.arctan2(*wide)
        error = ulps(result, wanted)
        worst = int(np.argmax(error))
        assert error[worst] <= 1, f"{name}({x[worst]}, {y[worst]}) = {result[worst]}"


@pytest.mark.parametrize("name", ["exp", "tanh", "sin"])
def test_results_do_not_depend_on_position(name):
    """A number gives the same bits in a vector, in a masked tail and as a scalar."""
    x = np.random.default_rng(2).normal(size=1003).astype(np.float32)
    compute = lambda f, v: functions.emit_unary(f, name, v)  # noqa: E731
    results = []
    for lanes, shift in ((8, 0), (8, 3), (1, 0)):
        result = np.empty(x.size - shift, np.float32)
        elementwise(compute, [x[shift:].copy()], result, [float32, float32], lanes)
        results.append(np.concatenate([results[0][:shift] if shift else result[:0], result]))
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_bfloat16_is_computed_as_float32_and_rounded():
    x = to_bfloat16_bits(np.linspace(-5, 5, 999, dtype=np.float32))
    result = np.empty_like(x)
    compute = lambda f, v: functions.emit_unary(f, "exp", v)  # noqa: E731
    elementwise(compute, [x], result, [bfloat16, bfloat16], 8)
    wanted = to_bfloat16_bits(np.exp(from_bfloat16_bits(x).astype(np.float64)).astype(np.float32))
    assert np.abs(result.astype(int) - wanted.astype(int)).max() <= 1


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "erf"])
def test_code_out_of_line_computes_the_same(name):
    x = points(np.float32)
    results = []
    for outlines in (False, True):

        def compute(f, v, outlines=outlines):
            f.outlines = outlines
            return functions.emit_unary(f, name, v)

        results.append(np.empty_like(x))
        elementwise(compute, [x], results[-1], [float32, float32], 8)
    assert results[0].tobytes() == results[1].tobytes()


@pytest.mark.parametrize(("name", "dtype"), [("sin", float32), ("exp", float32), ("log", float64)])
def test_a_long_chain_holds_a_function_once(name, dtype):
    def emit(f, count):
        f.outlines = True
        value = f.constant(0.5, dtype, 4)
        for _ in range(count):
            value = functions.emit_unary(f, name, value)
        f.store(value, f.argument(POINTER, 0), 0)

    lengths = [len(build.module_text(lambda f, n=n: emit(f, n))) for n in (1, 301)]
    assert lengths[1] - lengths[0] < 300 * 700
