"""A list in two arrays: the same items, shared by worker processes."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.data import DataLoader, PackedList

VALUES = st.one_of(st.none(), st.integers(), st.text(), st.binary(), st.floats(allow_nan=False))
ITEMS = st.one_of(
    st.lists(st.text()),
    st.lists(st.binary()),
    st.lists(VALUES),
    st.lists(st.dictionaries(st.text(), VALUES)),
)


@given(ITEMS)
def test_it_holds_what_a_list_holds(items):
    packed = PackedList(items)
    assert list(packed) == items
    assert packed[1:] == items[1:]
    assert packed[::-2] == items[::-2]
    assert list(copy.deepcopy(packed)) == items
    for place in range(-len(items), len(items)):
        assert packed[place] == items[place]
        assert type(packed[np.int64(place)]) is type(items[place])
    for place in (len(items), -len(items) - 1):
        with pytest.raises(IndexError, match="out of range"):
            packed[place]


def test_lone_surrogates_are_letters_too():
    assert PackedList(["\ud800"])[0] == "\ud800"


def test_what_cannot_be_pickled_is_refused():
    with pytest.raises((AttributeError, pickle.PicklingError, TypeError)):
        PackedList([lambda: 1])


def test_it_takes_less_room_than_a_list():
    assert PackedList([f"folder/{i}.png" for i in range(1000)]).nbytes < 1000 * 25


def test_worker_processes_read_it():
    packed = PackedList([{"i": i, "name": f"n{i}"} for i in range(10)])
    batches = list(DataLoader(packed, 5, num_workers=2, worker_type="process"))
    assert [batch["i"].tolist() for batch in batches] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
