"""Where PyTorch used to keep `functional_call`; it is `rushlight.func`'s."""

from rushlight.func.modules import functional_call

__all__ = ["functional_call"]
