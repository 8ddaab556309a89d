"""What travels between processes: the same values, their numbers without copies."""

import numpy as np
import pytest

from rushlight.data.workers.packing import pack, unpack

NUMBERS = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
ARRAYS = {
    "as it is": NUMBERS,
    "by columns": np.asfortranarray(NUMBERS),
    "channels last": NUMBERS.transpose(0, 2, 3, 1),
    "turned": NUMBERS.transpose(2, 0, 3, 1),
    "with axes of one": NUMBERS[:, None].transpose(0, 2, 1, 4, 3),
    "none": np.zeros((0, 3, 2)).transpose(0, 2, 1),
}
COPIED = {
    "a part": NUMBERS[:, 1],
    "backwards": NUMBERS[::-1].transpose(1, 0, 2, 3),
    "every second": NUMBERS[..., ::2],
    "repeated": np.broadcast_to(NUMBERS[0], (3, 3, 4, 5)),
    "objects": np.array([[1, "a"], [None, 2]], object),
    "objects, turned": np.array([[[1, "a"], [None, 2]]] * 3, object).transpose(1, 0, 2),
}


@pytest.mark.parametrize("name", [*ARRAYS, *COPIED])
def test_arrays_come_as_they_were(name):
    array = (ARRAYS | COPIED)[name]
    packed, buffers = pack({"x": array})
    found = unpack(packed, [bytearray(buffer) for buffer in buffers])["x"]
    assert found.dtype == array.dtype
    assert found.tolist() == array.tolist()
    if name in ARRAYS:
        assert found.squeeze().strides == array.squeeze().strides or not array.size
        assert len(packed) < 500
        assert sum(buffer.nbytes for buffer in buffers) == array.nbytes
