"""Steps whose kernels are written by hand: contractions, convolutions, attention and their kin.

Each kind is a `Family`: it divides work of given sizes (`arrange`) and makes the kernels
(`requests`).  What is structure is in the family itself; sizes, strides and pointers come through
the slots of the argument block, so a family compiles a fixed set of variants.

To add one: say in `roles.CRAFTED` which equations it can take, in `sizes.py` which dimensions are
equal, and in `plan.MAKERS` what makes the step.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from rushlight.engines.cpu.affine import Polynomial
from rushlight.engines.cpu.build import Request
from rushlight.engines.cpu.kernel import Filler


class Arrangement(NamedTuple):
    """How work of certain sizes is divided: a function of the sizes and the host alone."""

    variant: str
    """Which of the family's kernels are used."""
    chunks: tuple[int, ...]
    """Of each kernel, in the order of the family's requests."""
    numbers: tuple[int, ...]
    """What goes into the argument block from the family's `first_arranged` on."""
    workspace_bytes: int
    """Memory that the kernels of the step share."""
    scratch_bytes: int
    """Memory that each thread needs for itself."""
    kept: tuple = ()
    """Arrays whose addresses are among the numbers."""


class Family(Protocol):
    """A kind of hand-made kernels, with what is structure in them."""

    @property
    def first_arranged(self) -> int:
        """The slot at which an arrangement's numbers begin."""
        ...

    def arrange(self, *sizes: int) -> Arrangement:
        """Divide work of these sizes (those of the step, evaluated)."""
        ...

    def requests(self, variant: str) -> list[Request]:
        """What `build.kernel_addresses` needs to make a variant's kernels."""
        ...


class Workspace(NamedTuple):
    """The memory that the kernels of one step share."""

    value: int


class Crafted(NamedTuple):
    """A step with hand-made kernels, whatever the sizes."""

    family: Family
    sizes: tuple[Polynomial, ...]
    """What the family's `arrange` gets."""
    fillers: list[Filler]
    reads: tuple
    writes: tuple
    """The values, and the workspace if the step has one."""
    work: Polynomial | None = None
    """About how many multiply-adds it takes; the product of the sizes if nothing is said."""
