"""The autograd graph as users look at it: its nodes, and hooks on what they save."""

from rushlight.autograd.handle import RemovableHandle
from rushlight.autograd.node import GradNode as Node
from rushlight.autograd.saved import save_on_cpu, saved_tensors_hooks

__all__ = ["Node", "RemovableHandle", "save_on_cpu", "saved_tensors_hooks"]
