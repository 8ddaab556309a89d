"""How attention and its gradient are divided at given sizes: functions of the sizes alone."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from rushlight.engines.cpu.arrange import Tile, tile_of
from rushlight.engines.cpu.attention.forward import Forward
from rushlight.engines.cpu.attention.gradient import PANELS, Gradient, Parts
from rushlight.engines.cpu.attention.single import Single
from rushlight.engines.cpu.attention.slots import Slot, Structure
from rushlight.engines.cpu.build import Request
from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.crafted import Arrangement

_CHUNKS = 16
"""How many chunks there should be at least, if the sizes allow it."""
_MOST_QUERIES, _LEAST_PANELS = 256, 4
_MOST_KEYS, _LEAST_KEYS = 512, 128
_BLOCK, _GRADIENT_BLOCK = 256, 128
_FEW_QUERIES = 2
PANELLED, SINGLE = "in panels", "single"
WHOLE, IN_PARTS = "whole", "in parts"


class Attention(NamedTuple):
    """The family of attention itself."""

    structure: Structure

    @property
    def first_arranged(self) -> int:
        """Where the argument block holds what `arrange` finds."""
        return int(Slot.BATCH_COUNT)

    def arrange(self, *sizes: int) -> Arrangement:
        """Cut the queries of each batch element."""
        tile, structure = tile_of(self.structure.dtype), self.structure
        if sizes[1] <= _FEW_QUERIES and not structure.causal:
            return _arrange_single(tile, *sizes)
        return _arrange_forward(tile, *sizes)

    def requests(self, variant: str) -> list[Request]:
        """The one kernel."""
        structure = self.structure
        code = Single if variant == SINGLE else Forward
        return [(("attention", structure, variant), lambda f: code(f, structure).emit())]


class AttentionGradient(NamedTuple):
    """The family of attention's gradient."""

    structure: Structure

    @property
    def first_arranged(self) -> int:
        """Where the argument block holds what `arrange` finds."""
        return int(Slot.BATCH_COUNT)

    def arrange(self, *sizes: int) -> Arrangement:
        """Cut the keys of each batch element."""
        found = _arrange_gradient(tile_of(self.structure.dtype), *sizes)
        if self.structure.wanted[0]:
            return found
        return found._replace(chunks=found.chunks[:1], workspace_bytes=0)

    def requests(self, variant: str) -> list[Request]:
        """The kernel, and one that adds the parts of the query's gradient if there are several."""
        structure, whole = self.structure, variant == WHOLE

        def emit(f: Function) -> None:
            Gradient(f, structure, whole).emit()

        requests: list[Request] = [(("attention gradient", structure, variant), emit)]
        if not whole and structure.wanted[0]:
            key = "attention parts", structure.dtype, structure.causal
            requests.append((key, lambda f: Parts(f, structure).emit()))
        return requests


def _divided(count: int, each: int) -> int:
    return -(-count // each)


def _rounded(count: int, unit: int) -> int:
    return _divided(count, unit) * unit


def _scratch_bytes(tile: Tile, counts: list[int]) -> int:
    return tile.dtype.itemsize * sum([_rounded(count, 16) for count in counts])


@lru_cache(maxsize=4096)
def _arrange_forward(
    tile: Tile, batch: int, queries: int, keys: int, size: int, values: int
) -> Arrangement:
    panel = tile.columns
    wanted = _rounded(_divided(queries * batch, _CHUNKS), panel)
    part = min(max(wanted, _LEAST_PANELS * panel), _MOST_QUERIES, _rounded(queries, panel))
    parts, block = _divided(queries, part), min(_BLOCK, keys)
    rows, high = part + panel, block + tile.rows
    size_pitch, values_pitch = _rounded(size, panel), _rounded(values, panel)
    counts = [rows * size, rows, rows, (rows + tile.rows) * values_pitch, panel]
    counts += [high * panel, high * panel, high * size_pitch, high * values_pitch]
    numbers = batch, queries, keys, size, values, parts, part, block
    return Arrangement(PANELLED, (batch * parts,), numbers, 0, _scratch_bytes(tile, counts))


@lru_cache(maxsize=4096)
def _arrange_single(
    tile: Tile, batch: int, queries: int, keys: int, size: int, values: int
) -> Arrangement:
    block, panel = min(_BLOCK, keys), tile.columns
    size_pitch, values_pitch = _rounded(size, panel), _rounded(values, panel)
    high = block + tile.rows
    counts = [size_pitch, values_pitch, keys + _BLOCK, high * size_pitch, high * values_pitch]
    numbers = batch, queries, keys, size, values, 1, queries, block
    return Arrangement(SINGLE, (batch * queries,), numbers, 0, _scratch_bytes(tile, counts))


@lru_cache(maxsize=4096)
def _arrange_gradient(
    tile: Tile, batch: int, queries: int, keys: int, size: int, values: int
) -> Arrangement:
    panel = tile.columns
    parts = max(_divided(keys, _MOST_KEYS), min(_divided(_CHUNKS, batch), keys // _LEAST_KEYS), 1)
    part = _divided(keys, parts)
    parts = _divided(keys, part)
    # whole tiles of keys, so that none reaches into the next block
    block = _rounded(min(_GRADIENT_BLOCK, part), tile.rows)
    group, high = PANELS * panel, part + tile.rows
    size_pitch, values_pitch = _rounded(size, panel), _rounded(values, panel)
    scores = (block + tile.rows) * panel
    counts = [size * group, values * group, size_pitch * group, values_pitch * group]
    counts += [values_pitch * group, size_pitch * (group + tile.rows), group, group]
    counts += [scores * PANELS, scores * PANELS, scores]
    counts += [high * size_pitch] * 2 + [high * values_pitch] * 2
    numbers = batch, queries, keys, size, values, parts, part, block
    chunks, workspace = (batch * parts,), 0
    if parts > 1:
        chunks = batch * parts, batch
        workspace = parts * batch * queries * size_pitch * tile.dtype.itemsize
    variant = WHOLE if parts == 1 else IN_PARTS
    return Arrangement(variant, chunks, numbers, workspace, _scratch_bytes(tile, counts))
