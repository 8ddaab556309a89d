"""What the tests of graph and engines share: values in, values out, and the engine in between."""

from contextlib import contextmanager

import numpy as np

from rushlight.graph import dtype as dtypes
from rushlight.graph import recorder
from rushlight.graph.buffer import Buffer
from rushlight.graph.node import Node, Origin, input_node
from rushlight.graph.spec import spec_of

HERE = Origin("test", "here.py:1")


@contextmanager
def using(engine):
    """Compute with this engine inside the block."""
    before = recorder._loaders.get("engine")
    recorder.recorder().compute()
    recorder.provide("engine", lambda: engine)
    try:
        yield engine
    finally:
        recorder.recorder().pending.clear()
        if before is not None:
            recorder.provide("engine", before)


def given(values, dtype=None) -> Node:
    """A node that holds these values, of the dtype named or of the array's own."""
    array = np.asarray(values)
    if isinstance(dtype, str):
        dtype = dtypes.find_dtype(dtype)
    dtype = dtype or dtypes.from_numpy_dtype(array.dtype)
    with np.errstate(all="ignore"):
        array = array.astype(dtype.compute)
    return input_node(Buffer.holding(array, dtype), spec_of(array.shape, dtype))


def value(node: Node) -> np.ndarray:
    """The node's value, in its compute dtype; a copy."""
    return recorder.value_of(node).values(node.spec).copy()


def assert_same(actual, expected) -> None:
    """Equal in every element and in dtype; NaN equals NaN."""
    expected = np.asarray(expected, actual.dtype)
    np.testing.assert_array_equal(actual, expected, strict=True)
