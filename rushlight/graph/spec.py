"""What is known of a value before it is computed: its shape and its dtype."""

from __future__ import annotations

from math import prod

from rushlight.graph.dtype import DType

_MOST_SPECS = 100_000
_specs: dict[tuple, Spec] = {}
_patterns: dict[tuple, Pattern] = {}


class Pattern:
    """The part of a spec that is structure: dtype, rank, and which sizes are 0 or 1.

    There is one object for each pattern, so that keys compare and hash by identity.
    """

    __slots__ = ("dtype", "sizes")

    def __init__(self, dtype: DType, sizes: tuple[int | None, ...]):
        self.dtype = dtype
        self.sizes = sizes

    def __repr__(self) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in self.sizes)
        return f"{self.dtype.name}[{sizes}]"


class Spec:
    """Shape and dtype of a value.

    Made by `spec_of`, which hands out one object for equal specs (until very many are alive), so
    comparing by identity is a fast first answer and caches may use specs as keys.
    """

    __slots__ = ("_others", "dtype", "nbytes", "pattern", "public_shape", "rank", "shape", "size")

    def __init__(self, shape: tuple[int, ...], dtype: DType):
        self.shape = shape
        self.dtype = dtype
        self.rank = len(shape)
        self.size = prod(shape)
        self.nbytes = self.size * dtype.itemsize
        self.pattern = _pattern_of(shape, dtype)
        self._others: dict = {}
        self.public_shape: tuple | None = None  # the user's Size object, kept by the tensor

    def with_dtype(self, dtype: DType) -> Spec:
        """The same shape in another dtype."""
        found = self._others.get(dtype)
        if found is None:
            found = self._others[dtype] = spec_of(self.shape, dtype)
        return found

    def with_shape(self, shape: tuple[int, ...]) -> Spec:
        """Another shape of the same dtype."""
        return spec_of(shape, self.dtype)

    def __repr__(self) -> str:
        return f"{self.dtype.name}{list(self.shape)}"


def spec_of(shape: tuple[int, ...], dtype: DType) -> Spec:
    """The spec of this shape and dtype."""
    found = _specs.get((shape, dtype))
    if found is None:
        if len(_specs) >= _MOST_SPECS:
            _specs.clear()
        found = _specs[shape, dtype] = Spec(shape, dtype)
    return found


def _pattern_of(shape: tuple[int, ...], dtype: DType) -> Pattern:
    sizes = tuple(size if size < 2 else None for size in shape)
    found = _patterns.get((sizes, dtype))
    if found is None:
        found = _patterns[sizes, dtype] = Pattern(dtype, sizes)
    return found
