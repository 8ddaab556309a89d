"""The files that rows read: made once a run, the same for every side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

IMAGES = 1000
IMAGE_SIZE = 256
TOKENS = 100_000_000  # of two bytes each
VOCABULARY = 50_257


def make_files(folder: Path, rows: Sequence[str]) -> None:
    """Write what these rows read."""
    if any("windows" in row for row in rows):
        write_tokens(folder / "tokens.bin")
    if {"images", "crops"} & set(rows):
        write_images(folder / "images")


def write_tokens(path: Path) -> None:
    numbers = np.random.default_rng(3)
    numbers.integers(0, VOCABULARY, TOKENS, dtype=np.uint16).tofile(path)


def write_images(folder: Path) -> None:
    """JPEG files as a camera makes them: smooth, with some noise, about 18 kB each."""
    from PIL import Image

    numbers = np.random.default_rng(5)
    folder.mkdir(exist_ok=True)
    for place in range(IMAGES):
        coarse = numbers.integers(0, 256, (9, 9, 3), dtype=np.uint8)
        size = (IMAGE_SIZE, IMAGE_SIZE)
        smooth = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
        noise = numbers.normal(0, 8, smooth.shape)
        pixels = np.clip(smooth + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{place:04d}.jpg", quality=90)
