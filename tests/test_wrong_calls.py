"""Wrong calls raise the types that PyTorch raises, and say what was wrong."""

import pytest

import rushlight as rl
from tests.wrong_calls import networks, operations, tensors, training

AREAS = {"tensors": tensors, "operations": operations, "networks": networks, "training": training}
CALLS = {f"{name}: {row}": rows.ROWS[row] for name, rows in AREAS.items() for row in rows.ROWS}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_call_says_what_is_wrong(name):
    kind, words, call = CALLS[name]
    with pytest.raises(kind, match=words) as caught:
        call(rl)
    assert str(caught.value)


def test_the_table_is_long():
    assert len(CALLS) >= 150
