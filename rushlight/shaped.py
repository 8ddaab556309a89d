"""What a tensor knows of its shape, its kind of number and its layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rushlight.device import CPU, device
from rushlight.graph.dtype import DType
from rushlight.graph.node import Node
from rushlight.graph.spec import Spec
from rushlight.size import Size, contiguous_strides

if TYPE_CHECKING:
    from rushlight.storage import Cell


class Shaped:
    """A value in a storage cell or of its own, and the movements that lead to it."""

    _node: Node | None = None
    _cell: Cell | None = None
    _chain: tuple = ()
    _strides: tuple[int, ...] | None = None  # of the whole, where not C order

    @property
    def _spec(self) -> Spec:
        if self._cell is None or self._chain:
            return self._node.spec
        return self._cell.node.spec

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        spec = self._spec
        if spec.public_shape is None:
            spec.public_shape = Size(spec.shape)
        return spec.public_shape

    @property
    def dtype(self) -> DType:
        """The kind of number it holds."""
        return self._spec.dtype

    @property
    def device(self) -> device:
        """Where it lives: always the CPU in this version."""
        return CPU

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._spec.rank

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._spec.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._spec.nbytes

    @property
    def _version(self) -> int:
        """How often its storage was written in place."""
        return 0 if self._cell is None else self._cell.version

    def size(self, dim: int | None = None) -> Size | int:
        """The shape, or the size of one dimension."""
        if dim is None:
            return self.shape
        shape = self.shape
        if not -len(shape) <= dim < max(len(shape), 1):
            low, high = -max(len(shape), 1), max(len(shape), 1) - 1
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{low}, {high}], "
                f"but got {dim})"
            )
        return shape[dim]

    def dim(self) -> int:
        """The number of dimensions."""
        return self._spec.rank

    def numel(self) -> int:
        """The number of elements."""
        return self._spec.size

    nelement = numel
    ndimension = dim

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._spec.dtype.itemsize

    def __len__(self) -> int:
        shape = self._spec.shape
        if not shape:
            raise TypeError("len() of a 0-d tensor")
        return shape[0]

    def _layout(self) -> tuple[tuple[int, ...], int]:
        """Logical strides and offset, as PyTorch would lay the tensor out."""
        if not self._chain:
            return self._strides or contiguous_strides(self._spec.shape), 0
        cell = self._cell
        return layout_of(self, cell.strides or contiguous_strides(cell.node.spec.shape))

    def stride(self, dim: int | None = None) -> tuple[int, ...] | int:
        """Elements to skip in storage for one step along each dimension."""
        strides = self._layout()[0]
        return strides if dim is None else strides[dim]

    def storage_offset(self) -> int:
        """Where in its storage the first element lies."""
        return self._layout()[1]

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in C order without gaps."""
        if not self._chain and self._strides is None:
            return True
        shape = self._spec.shape
        strides = self._layout()[0]
        expected = contiguous_strides(shape)
        pairs = zip(shape, strides, expected, strict=True)
        return 0 in shape or all(n == 1 or have == want for n, have, want in pairs)


def layout_of(view: Shaped, strides: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """Strides and offset of a view of storage that has these strides."""
    shape, offset = view._cell.node.spec.shape, 0
    for operation, arguments in view._chain:
        shape, strides, offset = operation.layout(shape, strides, offset, *arguments)
    return strides, offset
