"""Trained weights: none are downloaded, and this says how to load a file."""

from __future__ import annotations

from typing import Any


def refuse_weights(weights: Any) -> None:
    """NotImplementedError for weights other than None."""
    if weights is not None:
        raise NotImplementedError(
            "Expected weights=None: Rushlight downloads no trained weights.\n"
            f"Actual: weights={weights!r}.\n"
            "Weights of torchvision fit: write them by safetensors.torch.save_file where PyTorch "
            "is installed, and give rl.load(path) to load_state_dict here."
        )
