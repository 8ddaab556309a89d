import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rushlight.data.order import BatchOrder, BlockOrder, OrderIterator, OrderState, random_stream


def squares(length, block_size):
    def make_block(number):
        return np.arange(number * block_size, (number + 1) * block_size) ** 2

    return BlockOrder(length, block_size, make_block)


@given(
    length=st.integers(0, 30),
    block_size=st.integers(1, 9),
    start=st.none() | st.integers(-35, 35),
    stop=st.none() | st.integers(-35, 35),
    step=st.sampled_from([None, 1, 2, -1, -3]),
)
@example(length=2, block_size=2, start=2, stop=1, step=None)
def test_block_order_is_the_list_it_stands_for(length, block_size, start, stop, step):
    order = squares(length, block_size)
    expected = [place**2 for place in range(length)]
    assert list(order) == expected
    assert order[start:stop:step] == expected[start:stop:step]
    assert [order[place] for place in range(-length, length)] == expected * 2


@given(length=st.integers(0, 30), batch_size=st.integers(1, 9), drop_last=st.booleans())
def test_batch_order_cuts_without_loss(length, batch_size, drop_last):
    batches = BatchOrder(range(length), batch_size, drop_last)
    whole = length - length % batch_size if drop_last else length
    assert [item for batch in batches for item in batch] == list(range(whole))
    assert len(batches) == len(list(batches))
    assert all(len(batch) == batch_size for batch in batches[:-1])


@pytest.mark.parametrize("place", [4, -5])
def test_beyond_the_end_is_an_index_error(place):
    with pytest.raises(IndexError):
        squares(4, 2)[place]
    with pytest.raises(IndexError):
        BatchOrder(range(8), 2, False)[place]


def test_items_are_plain_ints():
    order = squares(5, 2)
    assert {type(item) for item in [*order, *order[1:4]]} == {int}


def test_blocks_are_made_when_they_are_needed():
    made = []

    def make_block(number):
        made.append(number)
        return np.zeros(1000, dtype=np.int64)

    order = BlockOrder(10**12, 1000, make_block)
    assert order[10**11] == 0
    assert made == [10**8]


def test_a_pass_is_taken_up_from_its_state():
    order = random_stream(3, 1).permutation(20).tolist()
    walk = OrderIterator(order, OrderState(3, 1))
    head = [next(walk) for _ in range(7)]
    assert walk.state == OrderState(3, 1, 7)
    assert head + list(OrderIterator(order, walk.state)) == order


def test_streams_differ_by_seed_epoch_and_block():
    streams = [(1, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 0), (2**63, 0, 0)]
    drawn = [random_stream(*stream).integers(2**62) for stream in streams]
    assert len(set(drawn)) == len(streams)
    assert drawn == [random_stream(*stream).integers(2**62) for stream in streams]
