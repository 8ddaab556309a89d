"""Images side by side and in files."""

import io
import struct
import zlib

import numpy as np
import pytest

import rushlight as rl
from rushlight.vision import png
from rushlight.vision.utils import make_grid, save_image


def unpacked(data):
    width, height, bits, kind = struct.unpack(">2I2B", data[16:26])
    place = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[place - 4 : place])
    rows = np.frombuffer(zlib.decompress(data[place + 4 : place + 4 + length]), np.uint8)
    channels = {0: 1, 4: 2, 2: 3, 6: 4}[kind]
    assert bits == 8
    return rows.reshape(height, 1 + width * channels)[:, 1:].reshape(height, width, channels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_files(channels):
    pixels = np.arange(5 * 7 * channels, dtype=np.uint8).reshape(5, 7, channels)
    assert np.array_equal(unpacked(png.encode(pixels)), pixels)


@pytest.mark.parametrize("pixels", [np.zeros((2, 2, 5), np.uint8), np.zeros((2, 2, 1))])
def test_what_no_png_file_holds(pixels):
    with pytest.raises(ValueError, match="uint8 pixels"):
        png.encode(pixels)


def test_grids():
    images = rl.arange(1, 4).float().reshape(3, 1, 1, 1).expand(3, 1, 2, 2)
    found = make_grid(images, nrow=2, padding=1, pad_value=9)
    assert found.shape == (3, 7, 7)
    expected = [
        [9, 9, 9, 9, 9, 9, 9],
        [9, 1, 1, 9, 2, 2, 9],
        [9, 1, 1, 9, 2, 2, 9],
        [9, 9, 9, 9, 9, 9, 9],
        [9, 3, 3, 9, 9, 9, 9],
        [9, 3, 3, 9, 9, 9, 9],
        [9, 9, 9, 9, 9, 9, 9],
    ]
    assert found[1].tolist() == expected


def test_single_images_and_lists():
    assert make_grid(rl.ones(2, 3)).shape == (3, 2, 3)
    assert make_grid(rl.ones(3, 2, 3)).shape == (3, 2, 3)
    assert make_grid([rl.ones(3, 2, 2)] * 4, padding=0).shape == (3, 2, 8)


def test_values_are_stretched():
    images = rl.tensor([0.0, 2.0, 10.0, 14.0]).reshape(2, 1, 1, 2)
    assert make_grid(images, padding=0, normalize=True)[0].max() == 1
    each = make_grid(images, padding=0, normalize=True, scale_each=True)[0]
    assert each.tolist() == [[0, 1, 0, 1]]
    known = make_grid(images, padding=0, normalize=True, value_range=(0, 4))[0]
    assert known.tolist() == [[0, 0.5, 1, 1]]


def test_images_are_written(tmp_path):
    save_image(rl.ones(4, 3, 2, 2) / 2, tmp_path / "x.png", nrow=2, padding=0)
    assert (unpacked((tmp_path / "x.png").read_bytes()) == 128).all()
    file = io.BytesIO()
    save_image(rl.ones(3, 2, 2), file, format="png")
    assert (unpacked(file.getvalue()) == 255).all()


def test_wrong_arguments():
    with pytest.raises(TypeError, match="tensor or list of tensors"):
        make_grid("x")
    with pytest.raises(ValueError, match="images of shape"):
        make_grid(rl.ones(2))
