"""A picture of the ratios: one group of bars a step, PyTorch's time as the line at 1."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from measuring.rounds import BASE, Measured
from measuring.sides import SIDES

_COLOURS = {
    "rushlight": "#c8551b",
    "compile": "#8e8e8e",
    "jax": "#4a7fb5",
    "tinygrad": "#7a6aa8",
}
_WIDEST = 3.0  # longer bars are cut, and say how long they are


def draw(path: str, everything: Sequence[Measured], caption: str) -> None:
    """Write the picture; ImportError where matplotlib is not installed."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    shown = [measured for measured in everything if measured.ratio("rushlight") is not None]
    sides = [side for side in SIDES if side != BASE and any(m.ratio(side) for m in shown)]
    bars = len(sides)
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.24 * (bars + 0.8) * len(shown)))
    for place, side in enumerate(sides):
        _bars(axes, shown, side, place, bars)
    titles = [textwrap.fill(measured.row.title, 48) for measured in shown]
    axes.set_yticks([i + 0.4 for i in range(len(shown))], titles, fontsize=7)
    axes.set_ylim(len(shown), -0.2)
    axes.set_xlim(0, min(_WIDEST, 1.1 * _longest(shown, sides)))
    axes.tick_params(axis="x", labelsize=8)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel(f"time as a part of PyTorch's (shorter is faster)\n{caption}", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.plot([], [], color="black", linestyle=":", label="goal")
    axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=5, frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=150, bbox_inches="tight")
    pyplot.close(figure)


def _longest(shown: Sequence[Measured], sides: Sequence[str]) -> float:
    ratios = [measured.ratio(side) or 0 for measured in shown for side in sides]
    return max([1.0, *ratios])


def _bars(axes, shown: Sequence[Measured], side: str, place: int, bars: int) -> None:
    height = 0.8 / bars
    for row, measured in enumerate(shown):
        ratio = measured.ratio(side)
        if ratio is None:
            continue
        y = row + height * (place + 0.5)
        label = SIDES[side] if row == _first(shown, side) else None
        axes.barh(y, min(ratio, _WIDEST), height * 0.9, color=_COLOURS[side], label=label)
        if side == "rushlight":
            axes.plot([measured.row.target] * 2, [row, row + 0.8], "k:")
        end = min(ratio, _WIDEST * 0.93)
        ground = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8}
        axes.text(end + 0.02, y, f"{ratio:.2f}", va="center", fontsize=7, bbox=ground)


def _first(shown: Sequence[Measured], side: str) -> int:
    return next(row for row, measured in enumerate(shown) if measured.ratio(side) is not None)
