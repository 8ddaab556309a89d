"""Lazy modules: layers that learn the sizes of their inputs from the first one."""

from __future__ import annotations

from typing import Any

from rushlight.nn.module import Module
from rushlight.nn.parameter import Tensor, is_lazy


class LazyModuleMixin:
    """Makes a module of uninitialised parameters that gets their shapes at its first call.

    A subclass says in `initialize_parameters`, which gets the arguments of `forward`, how to
    `materialize` its parameters.  Afterwards the module is a `cls_to_become`, if there is one.
    Loading a `state_dict` gives uninitialised parameters the shapes of what is loaded.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> layer = nn.LazyLinear(3)
    >>> layer.weight
    <UninitializedParameter>
    >>> layer(rl.ones(2, 5)).shape, layer
    (rushlight.Size([2, 3]), Linear(in_features=5, out_features=3, bias=True))
    """

    cls_to_become: type[Module] | None = None

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._uninferred = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._uninferred:
            return super().__call__(*args, **kwargs)
        self._infer_parameters(args, kwargs)
        return self(*args, **kwargs)  # perhaps of another class now

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the parameters their shapes and first values, by the arguments of `forward`."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self) -> bool:
        """Whether any own parameter or buffer has no shape yet."""
        return any(is_lazy(tensor) for tensor in self._own_tensors().values())

    def _own_tensors(self) -> dict[str, Tensor | None]:
        return {**self._parameters, **self._buffers}

    def _infer_parameters(self, args: tuple, kwargs: dict) -> None:
        self.initialize_parameters(*args, **kwargs)
        if self.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        del self._uninferred
        if self.cls_to_become is not None:
            self.__class__ = self.cls_to_become
        else:
            self._uninferred = False

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *rest: Any) -> None:
        for name, tensor in self._own_tensors().items():
            found = state_dict.get(prefix + name)
            if is_lazy(tensor) and isinstance(found, Tensor) and not is_lazy(found):
                tensor.materialize(found.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)
