"""The picture at the end of the first example: curves, and what the network said."""

from pathlib import Path
from typing import Any

import numpy as np

INK, PAPER, MUTED = "#1f2933", "#ffffff", "#7b8794"
BLUE, ORANGE, RED, GREEN = "#2563a8", "#d97706", "#c2261d", "#2f7d4f"
ROWS, COLUMNS = 3, 10


def draw(history: dict, path: Path) -> bool:
    """Write the picture; without matplotlib say how to get it, and return False."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        print('No picture: it needs matplotlib (pip install "rushlight[plots]").')
        return False
    figure = Figure(figsize=(11, 8.2), facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    curves, gallery = figure.subfigures(2, 1, height_ratios=[1.0, 1.1])
    loss_axes, accuracy_axes = curves.subplots(1, 2)
    draw_loss(loss_axes, history)
    draw_accuracy(accuracy_axes, history)
    draw_answers(gallery, history["answers"])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return True


def plain(axes: Any, title: str) -> None:
    """A frame with little in it."""
    axes.set_title(title, loc="left", color=INK, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e7eb", linewidth=0.8)
    axes.tick_params(colors=MUTED, labelsize=9)
    axes.set_xlabel("epoch", color=MUTED, fontsize=9)


def draw_loss(axes: Any, history: dict) -> None:
    """The loss of every step, and its mean in every epoch."""
    epochs = len(history["training"])
    losses = np.array(history["loss"])
    steps = len(losses) // epochs
    plain(axes, "Loss on the images it learns from")
    axes.plot(np.arange(1, len(losses) + 1) / steps, losses, color=BLUE, alpha=0.35, linewidth=1)
    means = losses.reshape(epochs, steps).mean(axis=1)
    axes.plot(np.arange(1, epochs + 1), means, color=BLUE, marker="o", markersize=4)
    axes.set_yscale("log")


def draw_accuracy(axes: Any, history: dict) -> None:
    """How much was read rightly, epoch by epoch."""
    plain(axes, "Images read rightly, %")
    lines = (("held out", ORANGE, "held out"), ("training", BLUE, "learned from"))
    for name, colour, label in lines:
        percent = 100 * np.array(history[name])
        epochs = np.arange(1, len(percent) + 1)
        axes.plot(epochs, percent, color=colour, marker="o", markersize=4, label=label)
    axes.legend(loc="lower right", frameon=False, labelcolor=INK, fontsize=9)


def draw_answers(figure: Any, answers: list[tuple]) -> None:
    """Held-out images with the network's word under each; its mistakes and doubts first."""
    doubtful_first = sorted(answers, key=lambda answer: (answer[1] == answer[2], answer[3]))
    wrong = sum(label != guess for _, label, guess, _ in answers)
    figure.suptitle(
        f"Held-out digits, {wrong} of {len(answers)} misread. Under each: the answer, and how "
        "sure the network is. Mistakes first, in red; then its doubts",
        x=0.01,
        ha="left",
        color=INK,
        fontsize=11,
    )
    for axes, answer in zip(figure.subplots(ROWS, COLUMNS).flat, doubtful_first, strict=False):
        image, label, guess, sure = answer
        axes.imshow(image[0], cmap="Greys", vmin=0, vmax=1)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color("#cbd2d9")
        word = f"{guess}  {sure:.0%}" if guess == label else f"{guess}, is {label}  {sure:.0%}"
        axes.set_xlabel(word, color=GREEN if guess == label else RED, fontsize=9)
