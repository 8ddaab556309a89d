"""Host steps: primitives that NumPy computes, in memory that kernels read and write too."""

from __future__ import annotations

import numpy as np

from rushlight.engines.reference import compute
from rushlight.engines.reference.rounding import cast
from rushlight.graph.buffer import Buffer
from rushlight.graph.dtype import DType, from_bfloat16_bits, to_bfloat16_bits
from rushlight.graph.indexing import IndexOutOfRange
from rushlight.graph.program import Binding, EquationError, Graph
from rushlight.graph.spec import Spec

MOST_EQUATIONS, MOST_ELEMENTS = 16, 4096


def is_interpreted(graph: Graph, specs: tuple[Spec, ...]) -> bool:
    """Whether NumPy computes the whole graph: it is small and every bit of it is certain."""
    return (
        len(graph.equations) <= MOST_EQUATIONS
        and all(equation.primitive.exact for equation in graph.equations)
        and sum([spec.size for spec in specs]) <= MOST_ELEMENTS
    )


def interpret(graph: Graph, binding: Binding) -> list[Buffer]:
    """Compute a small graph in NumPy."""
    specs = binding.specs
    values: list[np.ndarray] = []
    for leaf, buffer, spec in zip(graph.leaves, binding.buffers, specs, strict=False):
        values.append(cast(leaf.literal, spec.dtype) if buffer is None else buffer.values(spec))
    for position in range(len(graph.equations)):
        arrays = [values[source] for source in graph.equations[position].inputs]
        values.append(compute_equation(graph, position, arrays, binding))
    return [Buffer.holding(values[result], specs[result].dtype) for result in graph.results]


def compute_equation(
    graph: Graph, position: int, arrays: list[np.ndarray], binding: Binding
) -> np.ndarray:
    """The value of one equation; an error says which one."""
    primitive, attributes, _, _, first, count = graph.equations[position]
    spec = binding.specs[len(graph.leaves) + position]
    numbers = tuple(binding.numbers[first : first + count])
    try:
        return compute(primitive, arrays, attributes, numbers, spec)
    except Exception as error:
        raise EquationError(position, error) from error


def check_places(places: np.ndarray, dimension: int, size: int, wraps: bool, position: int) -> None:
    """Every place lies within a dimension; where it wraps, also when counted from the end."""
    least = -size if wraps else 0
    if places.size and (places.min() < least or places.max() >= size):
        first = places[(places < least) | (places >= size)].flat[0]
        words = f"index {first} is out of bounds for dimension {dimension} with size {size}"
        raise EquationError(position, IndexOutOfRange(words))


def check_divisor(divisor: object, position: int) -> None:
    """No integer is divided by zero."""
    if not np.all(divisor):
        raise EquationError(position, RuntimeError("ZeroDivisionError"))


def literal_value(literal: object, dtype: DType) -> np.ndarray:
    """A literal of the graph as an array."""
    return cast(literal, dtype)


def read_memory(memory: np.ndarray, offset: int, spec: Spec) -> np.ndarray:
    """The value that lies somewhere in memory, as an array to compute with."""
    stored = np.ndarray(spec.shape, spec.dtype.storage, memory, offset)
    return stored if spec.dtype.storage == spec.dtype.compute else from_bfloat16_bits(stored)


def write_memory(memory: np.ndarray, offset: int, spec: Spec, array: np.ndarray) -> None:
    """Put a value where kernels will read it."""
    if spec.dtype.storage != spec.dtype.compute:
        array = to_bfloat16_bits(np.asarray(array, np.float32))
    np.ndarray(spec.shape, spec.dtype.storage, memory, offset)[...] = array
