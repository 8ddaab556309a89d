"""The functions beside torchvision's: Pillow images bit for bit, tensors but for rounding."""

import importlib
import warnings

import numpy as np
import pytest

import rushlight as rl
from rushlight.vision.transforms import InterpolationMode as M
from rushlight.vision.transforms import functional as F

pytestmark = pytest.mark.torch
Image = pytest.importorskip("PIL.Image")
from tests.vision.transforms.photographs import photograph  # noqa: E402


@pytest.fixture(scope="module")
def theirs():
    """torchvision's functions; it may be there and unfit for the torch beside it."""
    torch = pytest.importorskip("torch")
    if not hasattr(torch, "_C"):
        pytest.skip("torch is Rushlight's own answer")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch, importlib.import_module("torchvision.transforms.functional")
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"torchvision cannot be imported: {error}")


CORNERS = [[0, 0], [47, 0], [47, 39], [0, 39]]
MOVED = [[5, 3], [41, 6], [44, 30], [2, 37]]
FILL = [10.0, 20.0, 30.0]
CALLS = [
    *(("resize", ([23, 31], mode)) for mode in M),
    *(("resize", (size, mode)) for size in (20, [90, 55]) for mode in (M.BILINEAR, M.BICUBIC)),
    ("resize", ([23, 31], M.BILINEAR, None, False)),
    ("resize", ([90, 55], M.BICUBIC, None, False)),
    ("resize", (20, M.BILINEAR, 22)),
    ("crop", (3, -4, 50, 60)),
    ("center_crop", ([13, 70],)),
    ("resized_crop", (2, 3, 10, 11, [20, 21])),
    ("pad", ([1, 2, 3, 4], 7)),
    *(("pad", ([1, 2, 3, 4], 0, mode)) for mode in ("edge", "reflect", "symmetric")),
    *((f"adjust_{name}", (f,)) for name in ("brightness", "contrast") for f in (0, 0.5, 1.7)),
    *((f"adjust_{name}", (f,)) for name in ("saturation", "sharpness") for f in (0, 0.5, 1.7)),
    *(("adjust_hue", (f,)) for f in (-0.5, -0.2, 0.1, 0.37)),
    *(("adjust_gamma", (g, 1.2)) for g in (0.5, 1, 2.2)),
    *((name, ()) for name in ("hflip", "vflip", "invert", "autocontrast", "equalize")),
    ("rgb_to_grayscale", (1,)),
    ("rgb_to_grayscale", (3,)),
    *(("posterize", (bits,)) for bits in (1, 3, 8)),
    ("gaussian_blur", ([5, 3], [1.0, 0.5])),
    *(
        (name, arguments)
        for mode in (M.NEAREST, M.BILINEAR)
        for name, arguments in (
            ("rotate", (33.3, mode)),
            ("rotate", (45, mode, True, None, FILL)),
            ("rotate", (-10, mode, False, [3, 4], FILL)),
            ("affine", (20.0, [3, -2], 1.2, [5.0, -3.0], mode)),
            ("affine", (0.0, [0, 0], 0.7, [20.0, 0.0], mode, FILL, [4, 4])),
            ("perspective", (CORNERS, MOVED, mode)),
            ("perspective", (CORNERS, MOVED, mode, FILL)),
        )
    ),
]


def outcome(function, *arguments):
    """The result, or the error."""
    try:
        return function(*arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        return error


@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_beside_torchvision(theirs, name, arguments):
    torch, functional = theirs
    modes = {m.value: m for m in functional.InterpolationMode}
    given = [modes[a.value] if isinstance(a, M) else a for a in arguments]
    pixels = photograph()
    picture = Image.fromarray(pixels)
    expected = getattr(functional, name)(picture, *given)
    found = getattr(F, name)(picture, *arguments)
    assert found.mode == expected.mode
    assert np.array_equal(np.asarray(found), np.asarray(expected))
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    for values in (planes, planes / np.float32(255), np.stack([planes, planes[:, ::-1]])):
        expected = outcome(getattr(functional, name), torch.from_numpy(values.copy()), *given)
        found = outcome(getattr(F, name), rl.tensor(values), *arguments)
        if isinstance(expected, Exception):
            assert isinstance(found, Exception)
            continue
        found = found.numpy()
        assert found.dtype == expected.numpy().dtype
        assert found.shape == tuple(expected.shape)
        difference = abs(found.astype(np.float64) - expected.numpy())
        assert difference.max() <= (1 if values.dtype == np.uint8 else 2e-6)
