"""Data parallelism as far as one device goes: the module itself."""

from __future__ import annotations

from typing import Any

from rushlight.nn.module import Module


class DataParallel(Module):
    """A module over all accelerators, of which there are none: it is called as it is.

    Its parameters are at `module.*`, as in PyTorch.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> nn.DataParallel(nn.Linear(2, 3))(rl.ones(1, 2)).shape
    rushlight.Size([1, 3])
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ):
        super().__init__()
        self.dim = dim
        self.module = module
        self.device_ids: list = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict | None = None,
) -> Any:
    """Call a module with a tensor, or a tuple of them, over all accelerators: there are none."""
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*given, **(module_kwargs or {}))
