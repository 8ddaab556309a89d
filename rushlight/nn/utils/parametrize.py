"""Parameters as functions of others: a weight that is symmetric, of norm 1, ... at every use.

A parametrised tensor becomes a property of the module, whose class becomes one of its own.  What
it is computed from is kept in `module.parametrizations[name]`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from rushlight.autograd.modes import no_grad
from rushlight.nn.container import ModuleDict, ModuleList
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter
from rushlight.tensor import Tensor


class _Cache(threading.local):
    depth = 0

    def __init__(self) -> None:
        self.values: dict[tuple[int, str], Tensor] = {}


_cache = _Cache()


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """Within, a parametrised tensor is computed once, when it is first used.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    >>> with nn.utils.parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    _cache.depth += 1
    try:
        yield
    finally:
        _cache.depth -= 1
        if not _cache.depth:
            _cache.values = {}


class ParametrizationList(ModuleList):
    """The parametrisations of one tensor, and what they compute it from.

    That is `original`, or `original0`, `original1`, ... if the first parametrisation's
    `right_inverse` gives several.  Made by `register_parametrization`.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False):
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        with no_grad():
            new = original
            for module in reversed(list(self)):
                with contextlib.suppress(NotImplementedError):
                    if hasattr(module, "right_inverse"):
                        new = module.right_inverse(new)
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        before = original.dtype, original.shape
        if self.is_tensor:
            self._keep(original, new)
        else:
            self._keep_several(original, new)
        if not unsafe:
            _check_same(self(), *before, "the tensor", "Registering a parametrization")

    def _keep(self, original: Tensor, new: Tensor) -> None:
        if original.dtype != new.dtype:
            raise ValueError(
                "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}"
            )
        original.data = new
        _register(self, "original", original)

    def _keep_several(self, original: Tensor, new: Sequence[Tensor]) -> None:
        for place, tensor in enumerate(new):
            if not isinstance(tensor, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                    f"tuple...). Got element {place} of the sequence with type "
                    f"{type(tensor).__name__}."
                )
            if isinstance(original, Parameter):
                tensor = Parameter(tensor, original.requires_grad)
            _register(self, f"original{place}", tensor)

    def _originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{place}") for place in range(self.ntensors)]

    @no_grad()
    def right_inverse(self, value: Tensor) -> None:
        """Make the originals such that the tensor has this value.

        RuntimeError if a parametrisation has no `right_inverse`, ValueError if it gives something
        else than before.
        """
        found: Any = value
        for module in reversed(list(self)):
            if not hasattr(module, "right_inverse"):
                raise RuntimeError(
                    f"parametrization {type(module).__name__} does not implement right_inverse."
                )
            found = module.right_inverse(found)
        if self.is_tensor:
            found = (found,)
        originals = self._originals()
        if not isinstance(found, Sequence) or len(found) != len(originals):
            raise ValueError(
                "'right_inverse' must return a sequence of tensors of length "
                f"{self.ntensors}. Got {type(found).__name__}."
            )
        for place, (original, tensor) in enumerate(zip(originals, found, strict=True)):
            if not isinstance(tensor, Tensor) or tensor.dtype != original.dtype:
                got = f"has dtype {tensor.dtype}" if isinstance(tensor, Tensor) else repr(tensor)
                raise ValueError(
                    f"Tensor {place} returned by `right_inverse` {got} while the original has "
                    f"dtype {original.dtype}"
                )
            original.data = tensor

    def forward(self) -> Tensor:
        """The parametrised tensor."""
        first, *rest = self
        x = first(*self._originals())
        for module in rest:
            x = module(x)
        return x


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _check_same(found: Any, dtype: Any, shape: Any, name: str, what: str) -> None:
    """ValueError unless this is a tensor of that dtype and shape."""
    if not isinstance(found, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(found).__name__}.")
    for kind, have, want in (("dtype", found.dtype, dtype), ("shape", found.shape, shape)):
        if have != want:
            raise ValueError(
                f"{what} may not change the {kind} of the tensor, unless the `unsafe` flag is "
                f"enabled.\nExpected: {want}, as of {name}.\nActual: {have}."
            )


# ------------------------------------------------------------------------------ classes of modules
def _parametrized_class(base: type[Module], names: Sequence[str]) -> type[Module]:
    """A class of its own for a module, with a property for each parametrised tensor."""

    def copied(self: Module, memo: dict) -> Module:
        replica = object.__new__(_parametrized_class(base, list(self.parametrizations)))
        memo[id(self)] = replica
        replica.__dict__.update(deepcopy(self.__dict__, memo))
        return replica

    def refuse(self: Module) -> None:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict()."
        )

    members = {"__getstate__": refuse, "__deepcopy__": copied, "__module__": base.__module__}
    kind = type(f"Parametrized{base.__name__}", (base,), members)
    for name in names:
        setattr(kind, name, _property(name))
    return kind


def _property(name: str) -> property:
    def get(self: Module) -> Tensor:
        if not _cache.depth:
            return self.parametrizations[name]()
        key = id(self), name
        if key not in _cache.values:
            _cache.values[key] = self.parametrizations[name]()
        return _cache.values[key]

    def put(self: Module, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(get, put)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let a parameter or buffer be what `parametrization` makes of it; returns the module.

    `parametrization(x)` must give a tensor of the same dtype and shape, unless `unsafe`.  If it has
    a method `right_inverse`, that gives the x to start from, or several for `parametrization(x0,
    x1, ...)`, and the tensor can be assigned.  More parametrisations are applied one after the
    other.  ValueError for a name that is no tensor, and where the result does not fit.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> register = nn.utils.parametrize.register_parametrization
    >>> layer = register(nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all())
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        kept = module.parametrizations[tensor_name]
        if not unsafe:
            _check_next(module, tensor_name, parametrization)
        kept.append(parametrization)
        kept.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        kept = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            module.__class__ = _parametrized_class(type(module), ())
            module.parametrizations = ModuleDict()
        setattr(type(module), tensor_name, _property(tensor_name))
        module.parametrizations[tensor_name] = kept
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def _check_next(module: Module, name: str, parametrization: Module) -> None:
    """Whether one more parametrisation gives, and takes, what the tensor is now."""
    now = getattr(module, name)
    kind = now.dtype, now.shape, f"module.{name}"
    found = parametrization(now)
    _check_same(found, *kind, "Registering a parametrization")
    if hasattr(parametrization, "right_inverse"):
        with contextlib.suppress(NotImplementedError):
            back = parametrization.right_inverse(found)
            if not isinstance(back, Tensor):
                raise ValueError(
                    "parametrization.right_inverse must return a tensor. Got: "
                    f"{type(back).__name__}"
                )
            _check_same(back, *kind, "parametrization.right_inverse")


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether this tensor of the module is parametrised, or without a name any."""
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make the tensor a usual one again, of its present value; returns the module.

    With `leave_parametrized=False` it gets its original's value.  ValueError where there is none,
    or several, and for a tensor that is not parametrised.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    kept = module.parametrizations[tensor_name]
    if not kept.is_tensor and not leave_parametrized:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    if kept.is_tensor:
        tensor = kept.original
        if leave_parametrized:
            with no_grad():
                tensor.data = getattr(module, tensor_name)
    else:
        now = getattr(module, tensor_name)
        tensor = Parameter(now.detach()) if now.requires_grad else now
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, tensor)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type[Module]:
    """The class that the module had before anything in it was parametrised."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give another module the same parametrisations and originals; returns that module.

    All of them, or those of one tensor; tensors that the other module lacks are made.
    """
    if not is_parametrized(from_module):
        return to_module
    for name in list(from_module.parametrizations) if tensor_name is None else [tensor_name]:
        kept = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        for parametrization in kept:
            register_parametrization(to_module, name, parametrization, unsafe=kept.unsafe)
        taken = to_module.parametrizations[name]
        for original in [key for key in kept._parameters if key.startswith("original")]:
            setattr(taken, original, getattr(kept, original))
    return to_module
