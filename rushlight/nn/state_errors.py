"""Words for a state_dict that does not fit: what is missing, unexpected and of another shape."""

from __future__ import annotations

from typing import Any

from rushlight.tensor import Tensor

_PREFIXES = {
    "module.": "a model that was wrapped for data parallel training",
    "_orig_mod.": "a model that was wrapped by a compiler",
    "model.": "a model that was an attribute of another",
}


def shape_mismatch(key: str, new: Tensor, old: Tensor) -> str:
    """One value has another shape."""
    return (
        f"size mismatch for {key}: copying a param with shape rushlight.Size({list(new.shape)}) "
        f"from checkpoint, the shape in current model is rushlight.Size({list(old.shape)})."
    )


def explain(module: Any, values: dict, found: Any, errors: list[str], strict: bool) -> str:
    """The whole error, in groups."""
    groups = []
    if strict and found.missing_keys:
        groups.append(f"Missing key(s) in state_dict: {_quoted(found.missing_keys)}. ")
    if strict and found.unexpected_keys:
        groups.append(f"Unexpected key(s) in state_dict: {_quoted(found.unexpected_keys)}. ")
    groups += errors
    hint = _explain_prefix(found, set(module.state_dict()), set(values))
    if hint:
        groups.append(hint)
    groups.append("Nothing was loaded: the module is as it was before.")
    listed = "\n\t".join(groups)
    return f"Error(s) in loading state_dict for {type(module).__name__}:\n\t{listed}"


def _quoted(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)


def _explain_prefix(found: Any, own: set[str], given: set[str]) -> str:
    """Whether the keys would fit without, or with, one prefix; and how to write that."""
    if not found.missing_keys or not found.unexpected_keys:
        return ""
    prefix = _common_prefix(found.unexpected_keys, own)
    if prefix:
        known = f" ({_PREFIXES[prefix]})" if prefix in _PREFIXES else ""
        return (
            f'Every unexpected key is one of the module\'s with "{prefix}" before it{known}. To '
            f'strip it: load_state_dict({{key.removeprefix("{prefix}"): value for key, value in '
            "state_dict.items()})"
        )
    prefix = _common_prefix(found.missing_keys, given)
    if prefix:
        return (
            f'Every missing key is an unexpected one with "{prefix}" before it. To add it: '
            f'load_state_dict({{"{prefix}" + key: value for key, value in state_dict.items()}})'
        )
    return ""


def _common_prefix(longer: list[str], known: set[str]) -> str | None:
    """The prefix without which every longer key is a known one."""
    first = min(longer, key=len)
    for cut in range(1, len(first)):
        if first[cut - 1] == "." and first[cut:] in known:
            prefix = first[:cut]
            if all(key.startswith(prefix) and key[cut:] in known for key in longer):
                return prefix
    return None
