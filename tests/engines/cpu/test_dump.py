"""RUSHLIGHT_DUMP: which stages are shown, where, and that a reader finds his way."""

import numpy as np
import pytest

from rushlight.engines import load
from rushlight.engines.cpu import dump, host
from rushlight.engines.cpu.pictures import letter, polynomial_text
from rushlight.graph import contraction, creation, indexing, movement
from rushlight.graph import elementwise as e
from rushlight.graph import reduction as r
from rushlight.graph.dtype import float32
from tests.engines import random_graphs
from tests.engines.harness import HERE, given, using, value


@pytest.fixture(autouse=True)
def _compiled(monkeypatch):
    monkeypatch.setattr(host, "MOST_EQUATIONS", -1)
    with using(load("cpu")):
        yield


def softmax_of_product():
    """softmax((x @ x) * 2): a contraction with an epilogue, and rows."""
    x = given(np.random.default_rng(0).random((20, 20), np.float32))
    y = e.mul(contraction.contract(x, x, (1,), (0,), (), ()), creation.literal(2.0, float32))
    largest = movement.expand(r.reduce(r.MAX, y, (1,)), (20, 20), (0,))
    scores = e.unary(e.EXP, e.sub(y, largest))
    return value(e.div(scores, movement.expand(r.sum_(scores, (1,)), (20, 20), (0,))))


def dumped(asked, monkeypatch, capsys, work=softmax_of_product):
    monkeypatch.setenv("RUSHLIGHT_DUMP", asked)
    work()
    monkeypatch.setenv("RUSHLIGHT_DUMP", "0")
    return capsys.readouterr().err


STAGES = {
    "graph": ("%0 = input float32[20, 20]", "contract(", "return"),
    "groups": ("group 0 (crafted) over", "reductions keep", "sizes:", "%0: [a, "),
    "kernels": ("step 1 is rows: reads", "for i0 in", "(inner, reduced)", "exp($"),
    "plan": ("step 0: Product: reads %0", "temporaries share memory:", "written over inputs:"),
    "ir": ("define weak_odr void", "getelementptr"),
    "asm": (".text",),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_alone(stage, monkeypatch, capsys):
    text = dumped(stage, monkeypatch, capsys)
    for words in STAGES[stage]:
        assert words in text
    assert [line for line in text.splitlines() if line.startswith("====")] == [f"==== {stage}"]


@pytest.mark.parametrize("asked", ["1", "all"])
def test_all_stages(asked, monkeypatch, capsys):
    text = dumped(asked, monkeypatch, capsys)
    assert [f"==== {stage}" in text for stage in dump.STAGES] == [True] * len(dump.STAGES)


def test_some_stages_in_a_folder(monkeypatch, capsys, tmp_path):
    place = tmp_path / "pictures"
    assert dumped(f"graph,plan,ir,{place}", monkeypatch, capsys) == ""
    texts = [path.read_text() for path in sorted(place.iterdir())]
    assert len(texts) == 2
    code, program = texts
    assert code.startswith("==== ir")
    assert "==== graph" in program
    assert "==== plan" in program
    assert "==== kernels" not in program


def test_a_folder_alone_gets_all_stages(monkeypatch, capsys, tmp_path):
    dumped(str(tmp_path), monkeypatch, capsys)
    text = "".join([path.read_text() for path in tmp_path.iterdir()])
    assert all(f"==== {stage}" in text for stage in dump.STAGES)


def test_nothing_is_shown_without_it(monkeypatch, capsys):
    for asked in ("", "0"):
        assert dumped(asked, monkeypatch, capsys) == ""


def test_the_epilogue_of_a_product_is_shown(monkeypatch, capsys):
    text = dumped("kernels", monkeypatch, capsys)
    assert "and of each result $0:" in text
    assert "mul($0, $1)" in text


def test_host_steps_and_checks_are_shown(monkeypatch, capsys):
    def work():
        x = given(np.arange(40.0, dtype=np.float32))
        places = e.cast(e.unary(e.FLOOR, given(np.full(3, 1.5))), given([1]).spec.dtype)
        value(r.argsort(indexing.take(x, (places,), HERE), 0, False))

    text = dumped("plan,kernels", monkeypatch, capsys, work)
    assert "check in NumPy: reads" in text
    assert "computed by NumPy: reads" in text


def test_letters_and_polynomials():
    assert [letter(atom) for atom in (0, 25, 26)] == ["a", "z", "a1"]
    assert polynomial_text(()) == "0"
    assert polynomial_text((((2,), (1, 3)),)) == "n2*b*d"


@pytest.mark.parametrize("first", [0, 20])
def test_any_graph_has_a_picture(first, monkeypatch, capsys):
    def work():
        for seed in range(first, first + 20):
            choices, sizes = random_graphs.seeded(seed)
            for made in random_graphs.build(choices, sizes):
                value(made.node)

    assert "==== kernels" in dumped("graph,groups,kernels,plan", monkeypatch, capsys, work)
