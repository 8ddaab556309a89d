"""Rows copied by native code: the same as NumPy's, and never outside the memory."""

import numpy as np
import pytest

from rushlight.engines.cpu.gathering import gather_rows

WIDTHS = [1, 3, 8, 31, 63, 64, 65, 100, 127, 128, 129, 200, 5000, 40_000]
NUMBERS = np.random.default_rng(0)


def gathered(source, places):
    """The rows, found in the middle of memory that must stay as it was."""
    width = source.shape[1]
    memory = np.full(len(places) * width + 256, 7, np.uint8)
    column = (source.ctypes.data, len(source), width, memory.ctypes.data + 128)
    gather_rows([column], np.asarray(places, np.int64))
    assert (memory[:128] == 7).all()
    assert (memory[-128:] == 7).all()
    return memory[128:-128].reshape(len(places), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_rows_are_those_of_numpy(width):
    source = NUMBERS.integers(0, 255, (37, width), dtype=np.uint8)
    for count in (1, 2, 50, 300):
        places = NUMBERS.integers(-37, 37, count)
        np.testing.assert_array_equal(gathered(source, places), source[places])


@pytest.mark.parametrize("place", [37, -38, 2**40, -(2**40), 2**63 - 1, -(2**63)])
@pytest.mark.parametrize("where", [0, 20, 49])
def test_a_row_that_is_not_there_is_an_error(place, where):
    source = NUMBERS.integers(0, 255, (37, 128), dtype=np.uint8)
    places = NUMBERS.integers(-37, 37, 50)
    places[where] = place
    with pytest.raises(IndexError, match="index out of range for 37 samples"):
        gathered(source, places)


def test_columns_of_different_widths_go_together():
    images = NUMBERS.random((100, 28, 28)).astype(np.float32)
    labels = np.arange(100)
    places = NUMBERS.integers(0, 100, 64)
    results = np.empty((64, 28, 28), np.float32), np.empty(64, np.int64)
    columns = [
        (images.ctypes.data, 100, 28 * 28 * 4, results[0].ctypes.data),
        (labels.ctypes.data, 100, 8, results[1].ctypes.data),
    ]
    gather_rows(columns, places)
    np.testing.assert_array_equal(results[0], images[places])
    np.testing.assert_array_equal(results[1], labels[places])
