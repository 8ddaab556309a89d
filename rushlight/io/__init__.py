"""Saving and loading: tensors, state_dicts and nested containers, in one safetensors file."""

from rushlight.io.checkpoint import load, save
