"""Rule 5: what a graph computes, and how, depends on the graph alone."""

import numpy as np
import pytest

import rushlight as rl
from tests.semantics.fresh import run_fresh

COMPUTE = """
def compute():
    x = rl.randn(37, 61, generator=rl.Generator().manual_seed(7)).requires_grad_()
    y = (x @ x.t()).softmax(1).sum(0).exp() + x.sum() / 3
    y.sum().backward()
    return y.detach().numpy().tobytes().hex() + x.grad.numpy().tobytes().hex()
"""
PLAIN = f"import rushlight as rl\n{COMPUTE}\nprint(compute())"
AFTER_OTHERS = f"""
import rushlight as rl
{COMPUTE}
for n in range(2, 9):
    x = rl.rand(n, n + 3)
    (x @ x.t()).exp().sum().item()
    x.softmax(1).sum(0).tolist()
    (x.sum() / 3).item()
rl.rand(37, 61).sum().item()
compute()
print(compute())
"""
IN_PARTS = f"""
import rushlight as rl
{COMPUTE}
x = rl.rand(300)
x.exp()
held = [x * n for n in range(50)]
print(compute())
"""


def test_results_are_the_same_bits_after_any_history(tmp_path):
    cold = run_fresh(PLAIN, RUSHLIGHT_CACHE=tmp_path)
    assert cold.strip()
    assert run_fresh(PLAIN, RUSHLIGHT_CACHE=tmp_path) == cold
    assert run_fresh(AFTER_OTHERS, RUSHLIGHT_CACHE=tmp_path) == cold
    assert run_fresh(IN_PARTS, RUSHLIGHT_CACHE=tmp_path / "other") == cold


EXACT = {
    "arithmetic": lambda x: (x * 3 - 1) / (x + 0.7),
    "square root": lambda x: (x * x).sqrt() / 3,
    "selection": lambda x: rl.where(x > 0, x / 3, -x / 7),
    "casts": lambda x: (x * 100).to(rl.int32).to(rl.float32) / 7,
    "rounding": lambda x: (x * 10).round() - (x * 10).floor(),
    "half": lambda x: (x.to(rl.bfloat16) * 3 + 1).to(rl.float32),
}


@pytest.mark.parametrize("name", EXACT)
def test_small_programs_have_the_bits_of_large_ones(name):
    """Up to 4,096 elements of exact primitives are interpreted, more are compiled."""
    values = np.random.default_rng(0).standard_normal(8192).astype(np.float32)
    operation = EXACT[name]
    small = operation(rl.tensor(values[:4096])).numpy()
    large = operation(rl.tensor(values)).numpy()
    assert small.tobytes() == large[:4096].tobytes()
