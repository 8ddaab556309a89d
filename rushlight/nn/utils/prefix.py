"""Names of a state_dict without a common prefix."""

from __future__ import annotations


def consume_prefix_in_state_dict_if_present(state_dict: dict, prefix: str) -> None:
    """Strip a prefix from the keys of a state_dict, in place."""
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    for key in list(metadata or ()):
        if key.startswith(prefix) or key == prefix.rstrip("."):
            metadata[key[len(prefix) :]] = metadata.pop(key)
