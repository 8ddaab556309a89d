"""Embedding: a table of vectors, looked up by integers one by one or in bags."""

from __future__ import annotations

from typing import Any

import rushlight.nn.functional as F
from rushlight.nn import init
from rushlight.nn.creation import empty
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter
from rushlight.tensor import Tensor


class Embedding(Module):
    """Rows of a table by index: integers of any shape (*) to (*, embedding_dim).

    The table starts normally distributed.  The row at `padding_idx` starts as zeros and gets no
    gradient.  Rows above `max_norm` are brought to it, in place, when they are looked up.
    NotImplementedError for `sparse`.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> nn.Embedding(10, 3)(rl.tensor([[1, 2], [4, 5]])).shape
    rushlight.Size([2, 2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        _check_built("Embedding", sparse)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = _check_padding(padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        shape = (num_embeddings, embedding_dim)
        if _weight is None:
            self.weight = Parameter(empty(shape, device, dtype), requires_grad=not _freeze)
            self.reset_parameters()
        else:
            self.weight = Parameter(_check_table(_weight, shape), requires_grad=not _freeze)

    def reset_parameters(self) -> None:
        """Draw new first values."""
        _draw_table(self.weight, self.padding_idx)

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            *(input, self.weight, self.padding_idx, self.max_norm, self.norm_type),
            *(self.scale_grad_by_freq, self.sparse),
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += ", scale_grad_by_freq=True"
        return text

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """A layer around a given table, which is not learned further unless `freeze` is false."""
        if embeddings.dim() != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, columns = embeddings.shape
        return cls(
            *(rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse),
            _weight=embeddings,
            _freeze=freeze,
        )


class EmbeddingBag(Module):
    """The sum, mean or maximum of rows of a table, for each bag of integers.

    Bags are the rows of a 2-d input, or of a 1-d one what begins at each of `offsets`; an empty one
    gives zeros.  `mode` is "sum", "mean" or "max"; entries that are `padding_idx` do not count.
    NotImplementedError for `sparse`.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> nn.EmbeddingBag(10, 3)(rl.tensor([1, 2, 4, 5, 4]), rl.tensor([0, 3])).shape
    rushlight.Size([2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        _check_built("EmbeddingBag", sparse)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.padding_idx = _check_padding(padding_idx, num_embeddings)
        shape = (num_embeddings, embedding_dim)
        if _weight is None:
            self.weight = Parameter(empty(shape, device, dtype))
            self.reset_parameters()
        else:
            self.weight = Parameter(_check_table(_weight, shape))
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset

    def reset_parameters(self) -> None:
        """Draw new first values."""
        _draw_table(self.weight, self.padding_idx)

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        return F.embedding_bag(
            *(input, self.weight, offsets, self.max_norm, self.norm_type),
            *(self.scale_grad_by_freq, self.mode, self.sparse, per_sample_weights),
            *(self.include_last_offset, self.padding_idx),
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        text += f", mode={self.mode!r}"
        return text if self.padding_idx is None else f"{text}, padding_idx={self.padding_idx}"

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """A layer around a given table, which is not learned further unless `freeze` is false."""
        if embeddings.dim() != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, columns = embeddings.shape
        found = cls(
            *(rows, columns, max_norm, norm_type, scale_grad_by_freq, mode, sparse),
            _weight=embeddings,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        found.weight.requires_grad_(not freeze)
        return found


def _check_table(table: Tensor, shape: tuple[int, int]) -> Tensor:
    if tuple(table.shape) != shape:
        raise AssertionError(
            "Shape of weight does not match num_embeddings and embedding_dim\n"
            f"Expected: {list(shape)}.\nActual: {list(table.shape)}."
        )
    return table


def _draw_table(weight: Tensor, padding_idx: int | None) -> None:
    """Normally distributed first values, and zeros in the row that is padding."""
    init.normal_(weight)
    if padding_idx is not None:
        init.zeros_(weight.detach()[padding_idx])


def _check_built(name: str, sparse: bool) -> None:
    if sparse:
        raise NotImplementedError(
            f"{name}(sparse=True) is not built: gradients here are dense.\nExpected: sparse=False."
        )


def _check_padding(padding_idx: int | None, rows: int) -> int | None:
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx % rows
