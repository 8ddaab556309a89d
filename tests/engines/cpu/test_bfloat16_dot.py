"""Products of bfloat16 by the processor's instruction for pairs of them.

Where the processor lacks it, other instructions take its place, which round as it does: what is
tested then is how numbers are packed and how sums are put together.
"""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rushlight.engines.cpu import arrange as arranging
from rushlight.engines.cpu import build, builder, machine
from rushlight.engines.cpu.arithmetic import Arithmetic
from rushlight.engines.cpu.processor import processor
from rushlight.graph.dtype import bfloat16, float32, from_bfloat16_bits, to_bfloat16_bits
from tests.engines.cpu.test_contraction import SHAPES, operand, run

ROOT = Path(__file__).resolve().parents[3]
LEAST_NORMAL = 2.0**-126
HAS = bool(processor().features.get("avx512bf16")) and machine.machine().vector == "avx512"
native = pytest.param("native", marks=pytest.mark.skipif(not HAS, reason="no AVX512-BF16 here"))


def flushed(f, x):
    """Zero for a denormal."""
    return f.select(f.absolute(x) < LEAST_NORMAL, f.copysign(f.constant(0, float32), x), x)


def dot_of_pairs(f, a, b, total):
    """What the instruction does, by others."""
    for part in (lambda x: (x >> 16) << 16, lambda x: x << 16):
        left, right = (flushed(f, part(x).bitcast(float32)) for x in (a, b))
        total = flushed(f, f.fma(left, right, flushed(f, total)))
    return total


def forget():
    """Nothing that was compiled with the instruction, or with what takes its place."""
    arranging.arrange.cache_clear()
    for key in list(build._names):
        if isinstance(key, tuple) and key[0] in ("contraction", "packing") and key[-1] == 2:
            del build._names[key]
    for name in [name for name in builder._shared if name.startswith("micro.")]:
        del builder._shared[name]


@pytest.fixture(params=["other instructions", native])
def dots(request, monkeypatch):
    if not machine.machine().has_fma:
        pytest.skip("the order of rounding needs multiply-adds")
    host = dataclasses.replace(machine.machine(), has_bfloat16_dot=True)
    monkeypatch.setattr(arranging, "machine", lambda: host)
    if request.param != "native":
        monkeypatch.setattr(Arithmetic, "dot_of_pairs", dot_of_pairs)
    forget()
    yield
    forget()


def layouts(array):
    """The array with neighbours along its last axis, along the one before, and along none."""
    apart = np.repeat(np.repeat(array, 2, 1), 3, 2)
    return array, array.transpose(0, 2, 1).copy().transpose(0, 2, 1), apart[:, ::2, ::3]


@pytest.mark.parametrize("tables", [False, True])
@pytest.mark.parametrize("shape", [*SHAPES, (1, 31, 35, 65), (2, 29, 33, 1025), (1, 65, 64, 31)])
def test_all_layouts(dots, shape, tables):
    batch, rows, columns, depth = shape
    random = np.random.default_rng(0)
    a = random.integers(-8, 9, (batch, rows, depth)).astype(np.float32)
    b = random.integers(-8, 9, (batch, depth, columns)).astype(np.float32)
    wanted = to_bfloat16_bits(a @ b)  # whole numbers: the order of additions changes nothing
    for left in layouts(to_bfloat16_bits(a)):
        for right in layouts(to_bfloat16_bits(b)):
            around = np.full((batch, rows + 1, columns + 3), 77, np.uint16)
            run(bfloat16, left, right, around[:, :rows, :columns], tables)
            assert (around[:, rows:] == 77).all()
            assert (around[:, :, columns:] == 77).all()
            np.testing.assert_array_equal(around[:, :rows, :columns], wanted)


def test_layouts_variants_and_threads_change_no_bit(dots, monkeypatch):
    random, results = np.random.default_rng(4), []
    a = to_bfloat16_bits(operand(random, np.float32, (1, 61, 1031), False))
    b = to_bfloat16_bits(operand(random, np.float32, (1, 1031, 45), False))
    for variant in arranging.VARIANTS:
        arranging.arrange.cache_clear()
        monkeypatch.setattr(arranging, "_variant", lambda *_, variant=variant: variant)
        for left, right in zip(layouts(a), layouts(b), strict=True):
            for tables in (False, True):
                results.append(np.zeros((1, 61, 45), np.uint16))
                run(bfloat16, left, right, results[-1], tables)
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
    wide = from_bfloat16_bits(a).astype(np.float64) @ from_bfloat16_bits(b)
    np.testing.assert_allclose(from_bfloat16_bits(results[0]), wide, rtol=2.0**-8, atol=1e-3)


@pytest.mark.parametrize(
    ("left", "right", "wanted"),
    [
        ([2.0**-130, 1], [2.0**100, 1], 1.0),
        ([2.0**-130, 0], [2.0**100, 0], 0.0),  # a denormal factor is zero
        ([2.0**-70], [2.0**-70], 0.0),  # and so is a denormal sum
        ([2.0**-60], [2.0**-60], 2.0**-120),
        ([np.inf], [2.0], np.inf),
        ([np.inf, 1.0], [0.0, 1.0], np.nan),
    ],
)
def test_rounding(dots, left, right, wanted):
    a = to_bfloat16_bits(np.array(left, np.float32).reshape(1, 1, -1))
    b = to_bfloat16_bits(np.array(right, np.float32).reshape(1, -1, 1))
    result = np.zeros((1, 1, 1), np.uint16)
    run(bfloat16, a, b, result)
    np.testing.assert_array_equal(from_bfloat16_bits(result).item(), wanted)


@pytest.mark.skipif(not HAS, reason="no AVX512-BF16 here")
def test_random_graphs():
    """The whole engine with the instruction."""
    command = [sys.executable, "-m", "tests.engines.fuzz", "--batch", "0", "40"]
    settings = {**os.environ, "RUSHLIGHT_BFLOAT16_DOT": "1"}
    done = subprocess.run(
        command, env=settings, capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
