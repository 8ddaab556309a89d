"""Parameters and buffers: tensors that a module keeps by name."""

from __future__ import annotations

from typing import Any

from rushlight.device import check_device
from rushlight.graph.dtype import DType
from rushlight.graph.recorder import recorder
from rushlight.graph.spec import Spec
from rushlight.nn.creation import empty
from rushlight.ops.promotion import get_default_dtype
from rushlight.tensor import Tensor, alias_of, node_of, wrap


class _Kept(Tensor):
    """A tensor made around the storage of another."""

    @staticmethod
    def _around(kind: type, data: Any) -> Any:
        source = alias_of(_checked(kind, data))
        if node_of(source).buffer is None:
            recorder().compute()  # so that the first step of training is a program like the next
        result = object.__new__(kind)
        result.__dict__.update(source.__dict__)
        return result


class Parameter(_Kept):
    """A tensor that a module learns: assigned to an attribute, it is in `parameters()`.

    It shares the storage of `data`.  RuntimeError for integers that shall require grad.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> nn.Parameter(rl.tensor([1.0, 2.0]))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        result = _Kept._around(cls, data)
        if requires_grad:
            result.requires_grad_(True)
        return result

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True):
        """All is done in `__new__`; this names the arguments."""

    def __deepcopy__(self, memo: dict) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = _rebuild(type(self), wrap(node_of(self)), self.requires_grad)
            _copy_notes(self, memo[id(self)], memo)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: int) -> tuple:
        return _rebuild, (type(self), self.detach(), self.requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(_Kept):
    """A tensor that a module keeps but does not learn: assigned, it is in `buffers()`.

    A buffer that is not `persistent` stays out of `state_dict()`.
    """

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        result = _Kept._around(cls, data)
        result.persistent = persistent
        return result

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True):
        """All is done in `__new__`; this names the arguments."""

    def __deepcopy__(self, memo: dict) -> Buffer:
        if id(self) not in memo:
            result = type(self)(wrap(node_of(self)), persistent=self.persistent)
            memo[id(self)] = result.requires_grad_(self.requires_grad)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: int) -> tuple:
        return _rebuild_buffer, (type(self), self.detach(), self.persistent)


_TENSOR_STATE = {"_node", "_cell", "_chain", "_seen", "_base", "_strides", "_requires_grad"}
_TENSOR_STATE |= {"_grad_fn", "_output_number", "_grad", "_accumulator", "_hooks", "_retains"}
_TENSOR_STATE |= {"_post_accumulate_hooks", "_untracked", "_inference"}


def _copy_notes(source: Parameter, copied: Parameter, memo: dict) -> None:
    """Copy what the user hung on a parameter, such as a name or a learning rate."""
    from copy import deepcopy

    for name, value in source.__dict__.items():
        if name not in _TENSOR_STATE:
            setattr(copied, name, deepcopy(value, memo))


def _rebuild(kind: type, data: Tensor, requires_grad: bool) -> Parameter:
    return Parameter.__new__(kind, data, requires_grad)


def _rebuild_buffer(kind: type, data: Tensor, persistent: bool) -> Buffer:
    return Buffer.__new__(kind, data, persistent=persistent)


def _checked(kind: type, data: Any) -> Tensor:
    if data is None:
        return Tensor()
    if not isinstance(data, Tensor):
        raise TypeError(
            f"{kind.__name__}(): argument 'data' must be Tensor, not {type(data).__name__}\n"
            f"Expected: a tensor, as in {kind.__name__}(rl.tensor(...)).\n"
            f"Actual: {type(data).__name__}."
        )
    return data


class Uninitialized(Tensor):
    """A tensor whose shape is not known yet: it has a dtype and no values.

    It can be cast and given its shape by `materialize`; anything else is a ValueError, and asking
    for its shape a RuntimeError.
    """

    cls_to_become: type[Tensor] = Tensor
    _kind: DType

    @classmethod
    def _of_dtype(cls, requires_grad: bool, device: Any, dtype: Any) -> Any:
        check_device(device)
        result = object.__new__(cls)
        result._kind = dtype or get_default_dtype()
        result._requires_grad = bool(requires_grad)
        return result

    def materialize(self, shape: tuple[int, ...], device: Any = None, dtype: Any = None) -> None:
        """Become a usual parameter or buffer of this shape, still to be filled with values."""
        made = empty(tuple(shape), device, dtype or self.__dict__.pop("_kind"))
        self.__dict__.pop("_kind", None)
        self.__class__ = self.cls_to_become
        self.__dict__.update(made.__dict__)

    def _unknown(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(
            "Attempted to use an uninitialized parameter. This error happens when you are using a "
            "`LazyModule` or explicitly manipulating "
            f"`rushlight.nn.parameter.{type(self).__name__}` objects. When using LazyModules Call "
            "`forward` with a dummy batch to initialize the parameters before calling functions"
        )

    @property
    def _node(self) -> Any:
        return self._unknown()

    @property
    def _spec(self) -> Spec:
        return self._unknown()

    @property
    def shape(self) -> Any:
        """RuntimeError: it is not known yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    @property
    def dtype(self) -> DType:
        """The dtype that it will have."""
        return self._kind

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Switch whether gradients will be computed; returns the tensor itself."""
        self._requires_grad = bool(requires_grad)
        return self

    def detach(self) -> Any:
        """The tensor itself: there are no values to share."""
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Change the dtype that it will have; returns the tensor itself."""
        for argument in (*args, *kwargs.values()):
            if isinstance(argument, DType):
                self._kind = argument
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)._of_dtype(self._requires_grad, None, self._kind)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: int) -> tuple:
        return type(self)._of_dtype, (self._requires_grad, None, self._kind)


class UninitializedParameter(Uninitialized, Parameter):
    """A parameter whose shape the first input will tell; see `nn.LazyLinear` and its kin."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return cls._of_dtype(requires_grad, device, dtype)

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None):
        """All is done in `__new__`; this names the arguments."""


class UninitializedBuffer(Uninitialized):
    """A buffer whose shape the first input will tell."""

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> Any:
        result = cls._of_dtype(requires_grad, device, dtype)
        result.persistent = persistent
        return result


def is_lazy(param: Any) -> bool:
    """Whether this is a parameter or buffer whose shape is not known yet."""
    return isinstance(param, Uninitialized)
