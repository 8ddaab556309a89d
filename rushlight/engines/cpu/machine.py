"""The host: its processor, the width of its vectors, and the tile and block sizes that fit it.

    from rushlight.engines.cpu.machine import machine
    host = machine()
    lanes = host.lanes(float32)

`RUSHLIGHT_VECTOR=avx512|avx2|sse` makes the compiler use narrower vectors than the host has, or
wider ones, each of which LLVM cuts in parts: so their code can be tested on one machine.
`RUSHLIGHT_BFLOAT16_DOT=1` computes matrix products of bfloat16 by the processor's own instruction
for them, where it has one.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import lru_cache

from rushlight.engines.cpu.processor import processor
from rushlight.graph.dtype import DType


@dataclass(frozen=True)
class Machine:
    """What the compiler needs to know of the processor that it compiles for."""

    vector: str
    """The vector instructions in use: "avx512", "avx2", "sse" or "neon"."""
    vector_bytes: int
    cpu: str
    features: str
    has_fma: bool
    has_half: bool
    """Whether it converts float16 in hardware."""
    tile_rows: int
    """Rows of the block of a product that a contraction holds in registers."""
    short_tile_rows: int
    """Rows of a lower block, for what the higher ones leave."""
    tile_vectors: int
    """Columns of that block, in vectors."""
    has_bfloat16_dot: bool = False
    """Whether products of bfloat16 are computed by an instruction that adds up two of them."""
    first_cache: int = 32 << 10
    second_cache: int = 1 << 20

    def lanes(self, dtype: DType) -> int:
        """How many numbers of `dtype` a vector holds; bfloat16 and float16 compute as float32."""
        return self.vector_bytes // max(dtype.itemsize, 4 if dtype.is_floating_point else 1)

    @property
    def fingerprint(self) -> str:
        """What compiled code depends on."""
        return f"{platform.machine()} {self.vector} {self.cpu} {self.features}"


# vector bytes; rows, rows of the short one, and vectors of the register tile
_WIDTHS = {
    "avx512": (64, 14, 8, 2),
    "avx2": (32, 6, 4, 2),
    "sse": (16, 4, 3, 2),
    "neon": (16, 8, 6, 3),
}
_WITHOUT = {
    "avx512": "-prefer-256-bit",
    "avx2": "-avx512f",
    "sse": "-avx512f,-avx2,-avx,-fma,-f16c,-fma4,-xop",
    "neon": "",
}


def _widest(features: dict[str, bool]) -> str:
    if platform.machine().lower() in ("arm64", "aarch64"):
        return "neon"
    needed = ("avx512f", "avx512bw", "avx512dq", "avx512vl")
    if all(features.get(name) for name in needed):
        return "avx512"
    return "avx2" if features.get("avx2") and features.get("fma") else "sse"


def widths() -> list[str]:
    """The vector instructions that this machine has, the widest last."""
    return _up_to(_widest(processor().features))


def _up_to(widest: str) -> list[str]:
    order = ["neon"] if widest == "neon" else ["sse", "avx2", "avx512"]
    return order[: order.index(widest) + 1]


def _chosen(widest: str) -> str:
    known = _up_to("neon" if widest == "neon" else "avx512")
    asked = os.environ.get("RUSHLIGHT_VECTOR", "").lower() or widest
    if asked not in known:
        raise ValueError(
            f"Expected RUSHLIGHT_VECTOR to be one of {', '.join(known)}.\nActual: {asked}."
        )
    return asked


def _dots_bfloat16(vector: str, features: dict[str, bool]) -> bool:
    asked = os.environ.get("RUSHLIGHT_BFLOAT16_DOT") == "1"
    return asked and vector == "avx512" and bool(features.get("avx512bf16"))


def _flags(features: dict[str, bool]) -> list[str]:
    return [f"{'+' if there else '-'}{name}" for name, there in sorted(features.items())]


@lru_cache(maxsize=1)
def machine() -> Machine:
    """The machine that this process runs on."""
    host = processor()
    features = host.features
    widest = _widest(features)
    vector = _chosen(widest)
    size, rows, short_rows, vectors = _WIDTHS[vector]
    modern = "sse" not in (vector, widest)
    return Machine(
        vector=vector,
        vector_bytes=size,
        cpu=host.cpu,
        features=",".join([*_flags(features), *filter(None, _WITHOUT[vector].split(","))]),
        has_fma=modern,
        has_half=vector == "neon" or (modern and bool(features.get("f16c"))),
        tile_rows=rows,
        short_tile_rows=short_rows,
        tile_vectors=vectors,
        has_bfloat16_dot=_dots_bfloat16(vector, features),
    )
