"""Code for processors that are not here: verified, made into objects, and in whole vectors."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rushlight.engines.cpu import compiler, native

ROOT = Path(__file__).resolve().parents[3]
FAMILIES = {"map", "rows", "columns", "partial_rows", "scatter", "running", "Product"}
FAMILIES |= {"Convolving", "Pooling", "Attention", "AttentionGradient"}
MULTIPLYING = {"Product", "Convolving", "Attention", "AttentionGradient"}


def compiled_for(target: str) -> dict:
    command = [sys.executable, "-m", "tests.engines.cpu.cross", target]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("target", ["avx512", "neon", "macos"])
def test_every_family_in_whole_vectors(target):
    found = compiled_for(target)
    assert set(found) >= FAMILIES | {"threads"}
    for family in FAMILIES:
        assert found[family]["vectors"] > 10, family
    for family in MULTIPLYING:
        assert found[family]["multiply_adds"] > 50, family


def test_products_of_bfloat16_by_their_own_instruction():
    """In products alone, and in as many places as the tiles of a product have sums, or more."""
    found = compiled_for("avx512-bf16")
    assert [family for family in found if found[family]["multiply_adds"]] == ["Product"]
    assert found["Product"]["multiply_adds"] >= (14 + 8) * 2


@pytest.mark.parametrize(
    ("architecture", "triple", "counter"),
    [
        ("x86_64", "x86_64-unknown-linux-gnu", "rdtsc"),
        ("aarch64", "aarch64-unknown-linux-gnu", "cntvct_el0"),
        ("riscv64", "x86_64-unknown-linux-gnu", ""),
    ],
)
def test_the_clock_of_lists(architecture, triple, counter, monkeypatch):
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(triple)
    monkeypatch.setattr(compiler, "_target_machine", lambda *_: target.create_target_machine())
    assert counter in compiler.assembly(native.runtime_text(architecture), "", "").lower()
