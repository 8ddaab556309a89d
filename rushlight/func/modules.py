"""Modules as functions of their parameters and buffers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rushlight.ops import FUNCTIONS
from rushlight.tensor import Tensor

Named = Mapping[str, Tensor]


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Named | Sequence[Named],
    args: Any = None,
    kwargs: dict | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with these tensors in the place of its parameters and buffers.

    The dicts have the names of `named_parameters` and `named_buffers`; what they leave out stays as
    it is (RuntimeError with `strict`).  `args` is a tuple, or the one argument.  A tensor that the
    module has under several names is replaced under all of them, if `tie_weights`.

    >>> import rushlight as rl
    >>> linear = rl.nn.Linear(2, 1)
    >>> values = {"weight": rl.ones(1, 2), "bias": rl.zeros(1)}
    >>> rl.func.functional_call(linear, values, rl.tensor([3.0, 4.0]))
    tensor([7.])
    """
    values = _merged(parameter_and_buffer_dicts)
    slots = _slots(module)
    if strict:
        _check_names(module, values, slots)
    if tie_weights:
        values = _tied(values, slots)
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, values, slots):
        return module(*args, **(kwargs or {}))


def _merged(dicts: Any) -> dict[str, Tensor]:
    if isinstance(dicts, Mapping):
        return dict(dicts)
    if not isinstance(dicts, Sequence):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(dicts)}"
        )
    if not all(isinstance(each, Mapping) for each in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [name for each in dicts for name in each]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"{repeated} appeared in multiple dictionaries; behavior of functional call is "
            "ambiguous"
        )
    return {name: value for each in dicts for name, value in each.items()}


_Slots = dict[str, tuple[dict, str]]
"""For each path, the dict of the module that has the tensor, and its name there."""


def _slots(module: Any) -> _Slots:
    found: _Slots = {}
    for path, inner in module.named_modules(remove_duplicate=False):
        for table in (inner._parameters, inner._buffers):
            for name in table:
                found[f"{path}.{name}" if path else name] = (table, name)
    return found


def _check_names(module: Any, values: dict, slots: _Slots) -> None:
    """RuntimeError for names that are missing or unknown."""
    missing = [name for name, (table, own) in slots.items() if table[own] is not None]
    missing = sorted({*missing} - {*values})
    unexpected = sorted({*values} - {*slots})
    words = []
    if unexpected:
        words.append(f"Unexpected key(s): {', '.join(map(repr, unexpected))}.")
    if missing:
        words.append(f"Missing key(s): {', '.join(map(repr, missing))}.")
    if words:
        lines = "\n\t".join(words)
        raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t{lines}")


def _tied(values: dict[str, Tensor], slots: _Slots) -> dict[str, Tensor]:
    """The values, also under the other names of the tensors that they replace."""
    names: dict[int, list[str]] = {}
    for path, (table, name) in slots.items():
        if table[name] is not None:
            names.setdefault(id(table[name]), []).append(path)
    found = dict(values)
    for paths in names.values():
        given = [path for path in paths if path in values]
        if len({id(values[path]) for path in given}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(paths)}, which are tied. "
                "Consider using tie_weights=False"
            )
        if given:
            found |= dict.fromkeys(paths, values[given[0]])
    return found


@contextlib.contextmanager
def _replaced(module: Any, values: dict[str, Tensor], slots: _Slots) -> Iterator[None]:
    """In this block the module has these tensors."""
    for path in values:
        if path not in slots:
            name = path.rpartition(".")[2]
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`: {path!r}")
    places = [slots[path] for path in values]
    before = [table[name] for table, name in places]
    try:
        for (table, name), value in zip(places, values.values(), strict=True):
            table[name] = value
        yield
    finally:
        for (table, name), value in zip(places, before, strict=True):
            table[name] = value


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of several like modules, stacked along a new first dimension.

    With `vmap` over them and `functional_call`, the modules run as one.

    >>> import rushlight as rl
    >>> models = [rl.nn.Linear(2, 1) for _ in range(3)]
    >>> parameters, buffers = rl.func.stack_module_state(models)
    >>> run = lambda p, x: rl.func.functional_call(models[0], p, x)
    >>> rl.vmap(run, in_dims=(0, None))(parameters, rl.ones(5, 2)).shape
    rushlight.Size([3, 5, 1])
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if len({type(model) for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return _stacked(parameters), _stacked(buffers)


def _stacked(group: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    found = {}
    for name in group[0]:
        tensors = [each[name] for each in group]
        wanted = tensors[0].requires_grad
        if any(tensor.requires_grad != wanted for tensor in tensors):
            raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
        stacked = FUNCTIONS["stack"]([tensor.detach() for tensor in tensors])
        found[name] = stacked.requires_grad_() if wanted else stacked
    return found


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Let the batch normalisations of a network forget running statistics; returns the network.

    Those are shared by all samples, so inside `vmap` they cannot be written.

    >>> import rushlight as rl
    >>> net = rl.func.replace_all_batch_norm_modules_(rl.nn.Sequential(rl.nn.BatchNorm1d(2)))
    >>> net[0].track_running_stats, net[0].running_mean
    (False, None)
    """
    from rushlight.nn.normalization import _BatchNorm

    for module in root.modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
