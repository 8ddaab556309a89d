import gzip
import struct

import numpy as np
import pytest

from rushlight.data import arrays

IDX_TYPES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


@pytest.fixture
def plain_arrays(monkeypatch):
    """The test starts with nothing registered, and leaves what was there before."""
    monkeypatch.setattr(arrays, "_registry", arrays.Registry())


@pytest.fixture
def write_idx():
    def write(path, array, dtype="u1"):
        array = np.asarray(array, dtype)
        header = struct.pack(
            f">BBBB{array.ndim}I", 0, 0, IDX_TYPES[dtype], array.ndim, *array.shape
        )
        content = header + array.tobytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return path

    return write
