"""Devices: where a tensor lives.  This version computes on the CPU."""

from __future__ import annotations

KINDS = ("cpu", "cuda", "mps", "xpu", "meta")


class device:  # noqa: N801 - PyTorch's name
    """A device by name, as in PyTorch: `device("cpu")`, `device("cuda", 1)`, `device("cuda:1")`.

    Naming a device is always possible; putting a tensor on one that is not there raises
    RuntimeError.

    >>> device("cpu").type, device("cuda:1").index
    ('cpu', 1)
    """

    __slots__ = ("index", "type")

    def __init__(self, kind: str | device = "cpu", index: int | None = None):
        if isinstance(kind, device):
            kind, index = kind.type, kind.index if index is None else index
        if isinstance(kind, int):
            kind, index = "cuda", kind
        if not isinstance(kind, str):
            raise TypeError(f"Expected a device name such as 'cpu'.\nActual: {kind!r}.")
        name, _, number = kind.partition(":")
        if name not in KINDS or (number and not number.isdigit()):
            raise RuntimeError(
                f"Expected one of {', '.join(KINDS)} device types, with an index as in 'cuda:0'.\n"
                f"Actual: device string {kind!r}."
            )
        self.type = name
        self.index = int(number) if number else index

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, device):
            return NotImplemented
        return (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        """Make tensors on this device, which has to be the one that there is."""
        check_device(self)
        return self

    def __exit__(self, *error: object) -> None:
        """Everything was made on the CPU, and goes on being."""


CPU = device("cpu")


def check_device(wanted: str | int | device | None) -> device:
    """The device asked for; RuntimeError unless it is the CPU."""
    found = CPU if wanted is None else device(wanted)
    if found.type != "cpu":
        raise RuntimeError(
            f"Expected a device that this version computes on: cpu.\nActual: {found}.\n"
            "Rushlight has no accelerator engine yet: leave the tensor where it is, or write "
            "`device = 'cuda' if rl.cuda.is_available() else 'cpu'`."
        )
    return CPU
