"""Rule 12: random numbers are a function of (seed, offset, index), whoever computes them."""

import pytest

import rushlight as rl
from tests.semantics.fresh import run_fresh

DRAWS = """
import hashlib
import rushlight as rl
rl.manual_seed(11)
def bits(tensor):
    return hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
exact = [rl.rand(1000, 300), rl.randint(-5, 1000, (1000, 30)), rl.randperm(5000)]
exact += [rl.bernoulli(rl.full((100, 100), 0.3)), rl.empty(3000).uniform_(-2, 5)]
exact += [rl.nn.functional.dropout(rl.ones(200, 200), 0.4), rl.rand(7, dtype=rl.float64)]
exact += [rl.rand(64, 64).to(rl.bfloat16).to(rl.float32)]
"""
EXACT = DRAWS + "print([bits(tensor) for tensor in exact])"
ALL = DRAWS + "print([bits(t) for t in (*exact, rl.randn(999, 77), rl.empty(5000).exponential_())])"


def test_engines_draw_the_same_numbers():
    reference = run_fresh(EXACT, RUSHLIGHT_ENGINE="reference")
    assert run_fresh(EXACT, RUSHLIGHT_ENGINE="cpu") == reference


def test_normal_numbers_differ_by_rounding_alone():
    program = DRAWS + "print(rl.randn(50, 20).tolist())"
    one, other = (
        rl.tensor(eval(run_fresh(program, RUSHLIGHT_ENGINE=name)))  # noqa: S307 - a printed list
        for name in ("reference", "cpu")
    )
    assert rl.allclose(one, other, rtol=1e-5, atol=1e-6)


def test_any_number_of_threads_draws_the_same_numbers():
    alone = run_fresh(ALL, RUSHLIGHT_NUM_THREADS=1)
    assert run_fresh(ALL, RUSHLIGHT_NUM_THREADS=3) == alone


def drawn(*shape, seed=3, draws_before=0):
    generator = rl.Generator().manual_seed(seed)
    for _ in range(draws_before):
        rl.rand(1, generator=generator)
    return rl.rand(*shape, generator=generator)


def test_a_number_depends_on_its_index_in_c_order():
    flat = drawn(60).tolist()
    assert drawn(3, 20).reshape(-1).tolist() == flat
    assert drawn(5, 4, 3).reshape(-1).tolist() == flat
    assert drawn(25).tolist() == flat[:25]


def test_seeds_and_offsets_give_other_numbers():
    first = drawn(50).tolist()
    assert drawn(50).tolist() == first
    others = [drawn(50, seed=4), drawn(50, draws_before=1), drawn(50, draws_before=2)]
    assert len({tuple(first), *[tuple(other.tolist()) for other in others]}) == 4


def test_what_was_drawn_before_is_not_drawn_again():
    """Numbers are those of the call, not of the time when they are computed."""
    generator = rl.Generator().manual_seed(9)
    first, second = rl.rand(4, generator=generator), rl.rand(4, generator=generator)
    late = second.tolist(), first.tolist()
    generator.manual_seed(9)
    early = rl.rand(4, generator=generator).tolist(), rl.rand(4, generator=generator).tolist()
    assert late == (early[1], early[0])


@pytest.mark.parametrize("use", [lambda r: r * 2 - 1, lambda r: r.sum(0), lambda r: r.t() @ r])
def test_fusion_changes_no_number(use):
    fused = use(drawn(70, 40)).numpy().tobytes()
    separate = drawn(70, 40)
    rl.sync()
    assert use(separate).numpy().tobytes() == fused


def test_a_state_that_was_read_continues_the_stream():
    rl.manual_seed(1)
    rl.rand(3)
    state = rl.get_rng_state()
    expected = rl.rand(3).tolist()
    rl.set_rng_state(state)
    assert rl.rand(3).tolist() == expected
