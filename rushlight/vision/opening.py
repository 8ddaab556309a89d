"""Files of pictures, opened by Pillow."""

from __future__ import annotations

from typing import Any

from rushlight.data.optional import needed

# The commonest first. Not EPS and its like: Pillow has another program run what they contain.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "DIB", "PPM", "WEBP", "TIFF")
FORMATS += ("ICO", "JPEG2000", "TGA", "PCX", "SGI", "DDS")


def open_picture(file: Any, user: str) -> Any:
    """The picture in an open file, which Pillow reads when it is needed; `user` asks for it."""
    return needed("PIL.Image", user, "images").open(file, formats=FORMATS)
