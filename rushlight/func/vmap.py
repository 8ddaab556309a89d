"""`vmap`: a function of one sample made a function of many, which runs once for all of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from rushlight.autograd.batch import AddBatchDim, RemoveBatchDim, is_batched
from rushlight.func.tree import LEAF, Structure, broadcast, flatten, rebuild
from rushlight.graph.batched import Level, inside
from rushlight.ops import FUNCTIONS
from rushlight.random import default_generator
from rushlight.tensor import Tensor

Dims = int | None | tuple | list | dict
_RANDOMNESS = ("error", "different", "same")


def vmap(
    func: Callable[..., Any],
    in_dims: Dims = 0,
    out_dims: Dims = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that does for many samples at once what `func` does for one.

    `func` runs once.  Inside it each tensor looks like that of one sample: without the dimension
    that `in_dims` names (None: the same tensor for all samples).  `in_dims` and `out_dims` are
    numbers, or nested like the positional arguments and the outputs; keyword arguments are the
    same for all samples.  Random operations raise an error, draw for each sample ("different") or
    once for all ("same"), as `randomness` says.  With `chunk_size`, so many samples are computed at
    a time.

    `func` can neither look at the values of a sample nor write those of a sample into a tensor that
    all samples share: RuntimeError.  ValueError for dimensions that do not fit.

    >>> import rushlight as rl
    >>> a, b = rl.tensor([[1.0, 2.0], [3.0, 4.0]]), rl.tensor([1.0, 10.0])
    >>> rl.vmap(rl.dot, in_dims=(0, None))(a, b)
    tensor([21., 43.])
    """
    if randomness not in _RANDOMNESS:
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. "
            f"Got {randomness}"
        )
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")
    mapping = _Mapping(func, in_dims, out_dims, randomness)

    @functools.wraps(func, updated=())
    def mapped(*args: Any, **kwargs: Any) -> Any:
        return mapping.call(args, kwargs, chunk_size)

    return mapped


class _Mapping:
    """A function with the dimensions along which it is mapped."""

    def __init__(self, function: Callable, in_dims: Dims, out_dims: Dims, randomness: str):
        self.function = function
        self.in_dims, self.out_dims = in_dims, out_dims
        self.randomness = randomness
        self.name = getattr(function, "__name__", None) or repr(function)

    def call(self, args: tuple, kwargs: dict, chunk_size: int | None) -> Any:
        """The results for all samples."""
        leaves, structure = flatten(args)
        dims = self._dims_of_inputs(args, leaves, structure)
        pairs = zip(leaves, dims, strict=True)
        sizes = [leaf._spec.shape[dim] for leaf, dim in pairs if dim is not None]
        if not sizes:
            raise ValueError("vmap: Expected at least one Tensor to vmap over")
        if len({*sizes}) > 1:
            raise ValueError(
                "vmap: Expected all tensors to have the same size in the mapped dimension, got "
                f"sizes {sizes} for the mapped dimension"
            )
        if chunk_size is None or chunk_size >= sizes[0]:
            results, dims, structure = self._run(leaves, dims, structure, kwargs, sizes[0])
        else:
            parts = self._run_chunks(leaves, dims, structure, kwargs, sizes[0], chunk_size)
            results, dims, structure = parts
        return rebuild(structure, results)

    def _run(
        self, leaves: list, dims: list, structure: Structure, kwargs: dict, size: int
    ) -> tuple[list, list, Structure]:
        """The results, their dimensions of samples, and how they are nested."""
        level = Level(size, self.randomness)
        one = [
            leaf if dim is None else AddBatchDim.apply((leaf,), dim, level)
            for leaf, dim in zip(leaves, dims, strict=True)
        ]
        with inside(level):
            outputs = self.function(*rebuild(structure, one), **kwargs)
        found, nest = flatten(outputs)
        out_dims = self._dims_of_outputs(nest)
        pairs = zip(found, out_dims, strict=True)
        return [self._gather(leaf, dim, level) for leaf, dim in pairs], out_dims, nest

    def _run_chunks(
        self, leaves: list, dims: list, structure: Structure, kwargs: dict, size: int, chunk: int
    ) -> tuple[list, list, Structure]:
        """The same for a few samples at a time."""
        state = default_generator.get_state()
        parts = []
        for start in range(0, size, chunk):
            if self.randomness == "same":
                default_generator.set_state(state)
            count = min(chunk, size - start)
            some = [
                leaf if dim is None else leaf.narrow(dim, start, count)
                for leaf, dim in zip(leaves, dims, strict=True)
            ]
            parts.append(self._run(some, dims, structure, kwargs, count))
        _, out_dims, nest = parts[0]
        columns = zip(*[part[0] for part in parts], strict=True)
        results = [
            column[0] if dim is None else FUNCTIONS["cat"](list(column), dim)
            for column, dim in zip(columns, out_dims, strict=True)
        ]
        return results, out_dims, nest

    def _gather(self, leaf: Any, dim: int | None, level: Level) -> Any:
        """A result with the samples along `dim`."""
        if dim is None:
            if isinstance(leaf, Tensor) and is_batched(leaf, level):
                raise ValueError(
                    f"vmap({self.name}, ...): `{self.name}` can not return a BatchedTensor when "
                    "out_dim is None"
                )
            return leaf
        if not isinstance(leaf, Tensor):
            raise ValueError(
                f"vmap({self.name}, ...): `{self.name}` must only return Tensors, got type "
                f"{type(leaf)}. Did you mean to set out_dims= to None for output?"
            )
        rank = leaf._spec.rank + 1
        if not -rank <= dim < rank:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but "
                f"got {dim})"
            )
        return RemoveBatchDim.apply((leaf,), dim % rank, level)

    def _dims_of_inputs(self, args: tuple, leaves: list, structure: Structure) -> list:
        """The dimension of samples of each leaf of the arguments, None where there is none."""
        call = f"vmap({self.name}, in_dims={self.in_dims}, ...)(<inputs>)"
        if not isinstance(self.in_dims, (int, tuple, list)):
            raise ValueError(
                f"{call}: expected `in_dims` to be int or a (potentially nested) tuple matching "
                f"the structure of inputs, got: {type(self.in_dims)}."
            )
        if not leaves:
            raise ValueError(
                f"vmap({self.name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or "
                "you are trying to vmap over a function with no inputs. The latter is unsupported."
            )
        in_dims = tuple(self.in_dims) if isinstance(self.in_dims, list) else self.in_dims
        dims = broadcast(in_dims, structure)
        if dims is None:
            raise ValueError(
                f"{call}: in_dims is not compatible with the structure of `inputs`. in_dims has "
                f"structure {flatten(in_dims)[1]} but inputs has structure {structure}."
            )
        return [_checked_dim(call, leaf, dim) for leaf, dim in zip(leaves, dims, strict=True)]

    def _dims_of_outputs(self, structure: Structure) -> list:
        """The dimension of samples of each leaf of the outputs."""
        call = f"vmap({self.name}, ..., out_dims={self.out_dims})"
        out_dims = self.out_dims
        if structure is LEAF and isinstance(out_dims, tuple) and len(out_dims) == 1:
            out_dims = out_dims[0]
        dims = broadcast(out_dims, structure)
        if dims is None:
            raise ValueError(
                f"{call}(<inputs>): out_dims is not compatible with the structure of `outputs`. "
                f"out_dims has structure {flatten(out_dims)[1]} but outputs has structure "
                f"{structure}."
            )
        if not all(dim is None or isinstance(dim, int) for dim in dims):
            raise ValueError(
                f"{call}: `out_dims` must be an int, None or a python collection of ints "
                "representing where in the outputs the vmapped dimension should appear."
            )
        return dims


def _checked_dim(call: str, leaf: Any, dim: Any) -> int | None:
    """A dimension of an argument, counted from the front."""
    if dim is None:
        return None
    if not isinstance(dim, int):
        raise ValueError(
            f"{call}: Got in_dim={dim} for an input but in_dim must be either an integer "
            "dimension or None."
        )
    if not isinstance(leaf, Tensor):
        raise ValueError(
            f"{call}: Got in_dim={dim} for an input but the input is of type {type(leaf)}. We "
            "cannot vmap over non-Tensor arguments, please use None as the respective in_dim"
        )
    rank = leaf._spec.rank
    if not -rank <= dim < rank:
        raise ValueError(
            f"{call}: Got in_dim={dim} for some input, but that input is a Tensor of "
            f"dimensionality {rank} so expected in_dim to satisfy -{rank} <= in_dim < {rank}."
        )
    return dim % rank
