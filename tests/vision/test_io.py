"""Pictures between files, bytes and tensors."""

import io
import random

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import DataLoader, Dataset
from rushlight.vision.io import (
    ImageReadMode,
    decode_gif,
    decode_image,
    decode_jpeg,
    decode_png,
    decode_webp,
    encode_jpeg,
    encode_png,
    read_file,
    read_image,
    write_file,
    write_jpeg,
    write_png,
)
from rushlight.vision.opening import FORMATS

Image = pytest.importorskip("PIL.Image")

COLOUR = np.arange(5 * 7 * 4, dtype=np.uint8).reshape(5, 7, 4)
SMOOTH = rl.arange(64).reshape(1, 8, 8).expand(3, 8, 8).to(rl.uint8)


def saved(image, **options):
    file = io.BytesIO()
    image.save(file, **options)
    return rl.tensor(np.frombuffer(file.getvalue(), np.uint8).copy())


def picture(mode):
    image = Image.fromarray(COLOUR)
    return image if mode == "RGBA" else image.convert("RGB").convert(mode)


def planes(image):
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


UNCHANGED = {"L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "1": "L", "P": "RGB"}


@pytest.mark.parametrize("mode", UNCHANGED)
def test_channels_are_kept(mode):
    image = picture(mode)
    found = decode_image(saved(image, format="PNG"))
    assert found.dtype is rl.uint8
    assert np.array_equal(found.numpy(), planes(image.convert(UNCHANGED[mode])))


@pytest.mark.parametrize("mode", ["GRAY", "GRAY_ALPHA", "RGB", "RGBA", "RGB_ALPHA"])
@pytest.mark.parametrize("source", ["L", "RGB", "RGBA", "P"])
def test_channels_are_chosen(mode, source):
    data = saved(picture(source), format="PNG")
    pillow = {"GRAY": "L", "GRAY_ALPHA": "LA", "RGB": "RGB"}.get(mode, "RGBA")
    for name in (mode, mode.lower(), ImageReadMode[mode]):
        found = decode_png(data, name)
        assert np.array_equal(found.numpy(), planes(picture(source).convert(pillow)))


def test_palettes_with_holes():
    image = picture("P")
    found = decode_image(saved(image, format="PNG", transparency=0))
    assert found.shape == (4, 5, 7)


def test_sixteen_bits():
    deep = np.arange(6, dtype=np.uint16).reshape(2, 3) * 9000
    found = decode_image(saved(Image.fromarray(deep), format="PNG"))
    assert found.dtype is rl.uint16
    assert found[0].tolist() == deep.tolist()


def test_other_kinds_of_files():
    image = picture("RGB")
    assert np.array_equal(
        decode_webp(saved(image, format="WEBP", lossless=True)).numpy(), planes(image)
    )
    jpeg = saved(image, format="JPEG")
    with Image.open(io.BytesIO(bytes(jpeg.numpy()))) as expected:
        assert np.array_equal(decode_jpeg([jpeg, jpeg])[1].numpy(), planes(expected))
    cmyk = saved(image.convert("CMYK"), format="JPEG")
    assert decode_jpeg(cmyk).shape == (3, 5, 7)


def test_gifs():
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue", "white")]
    one = decode_gif(saved(frames[0], format="GIF"))
    assert (one.shape, one[:, 0, 0].tolist()) == ((3, 3, 4), [255, 0, 0])
    many = decode_image(saved(frames[0], format="GIF", save_all=True, append_images=frames[1:]))
    assert many.shape == (3, 3, 3, 4)
    assert many[:, :, 2, 3].tolist() == [[255, 0, 0], [0, 0, 255], [255, 255, 255]]


def test_as_the_camera_was_held():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(picture("RGB"), format="PNG", exif=exif)
    assert decode_image(data).shape == (3, 5, 7)
    turned = decode_image(data, apply_exif_orientation=True)
    assert np.array_equal(turned.numpy(), np.rot90(planes(picture("RGB")), -1, (1, 2)))


def test_files(tmp_path):
    write_png(SMOOTH, tmp_path / "x.png", compression_level=0)
    assert read_image(str(tmp_path / "x.png")).tolist() == SMOOTH.tolist()
    assert decode_image(tmp_path / "x.png").tolist() == SMOOTH.tolist()
    write_jpeg(SMOOTH[:1], tmp_path / "x.jpg", quality=95)
    grey = read_image(tmp_path / "x.jpg")
    assert grey.shape == (1, 8, 8)
    assert (grey.int() - SMOOTH[:1].int()).abs().max() < 6
    write_file(str(tmp_path / "raw"), rl.tensor([1, 255], dtype=rl.uint8))
    assert (tmp_path / "raw").read_bytes() == b"\x01\xff"
    assert read_file(tmp_path / "raw").tolist() == [1, 255]


def test_encoding():
    assert decode_png(encode_png(SMOOTH)).tolist() == SMOOTH.tolist()
    assert len(encode_png(SMOOTH, 9)) < len(encode_png(SMOOTH, 0))
    small, large = encode_jpeg(SMOOTH, 5), encode_jpeg(SMOOTH, 100)
    assert len(small) < len(large)
    assert [len(data) for data in encode_jpeg([SMOOTH, SMOOTH], 5)] == [len(small)] * 2


BYTES = rl.tensor([1, 2, 3], dtype=rl.uint8)
WRONG = {
    "no file": (lambda: read_file("none"), RuntimeError, "No such file or directory: 'none'"),
    "no picture file": (lambda: read_image("none.png"), RuntimeError, "none.png"),
    "no picture": (lambda: decode_image(BYTES), RuntimeError, "(?s)Unsupported.*the tensor"),
    "nothing": (lambda: decode_image(BYTES[:0]), RuntimeError, "non empty 1-dimensional"),
    "other numbers": (lambda: decode_png(rl.ones(3)), RuntimeError, "float32"),
    "rows": (lambda: decode_png(BYTES[None]), RuntimeError, "1-dimensional"),
    "mode": (lambda: decode_image(BYTES, "CMYK"), KeyError, "CMYK"),
    "floats": (lambda: encode_png(rl.ones(3, 2, 2)), RuntimeError, "dtype should be uint8"),
    "plane": (lambda: encode_jpeg(SMOOTH[0]), RuntimeError, "3-dimensional tensor"),
    "channels": (lambda: encode_png(SMOOTH[:2]), RuntimeError, "channels should be 1 or 3, got: 2"),
    "compression": (lambda: encode_png(SMOOTH, 10), RuntimeError, "between 0 and 9"),
    "quality": (lambda: encode_jpeg(SMOOTH, 0), ValueError, "between 1 and 100"),
    "no pictures": (lambda: encode_jpeg([]), ValueError, "at least one"),
    "no folder": (lambda: write_file("none/x", BYTES), RuntimeError, "No such file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_read_or_written(name):
    call, error, words = WRONG[name]
    with pytest.raises(error, match=words):
        call()


def test_nothing_is_run(tmp_path, monkeypatch):
    """Pillow would have Ghostscript run an EPS file, whatever it is called."""
    from PIL import EpsImagePlugin

    from rushlight.vision.datasets.folder import pil_loader

    def run(*arguments, **options):
        raise AssertionError

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", run)
    picture("RGB").save(tmp_path / "x.png", format="EPS")
    with pytest.raises(RuntimeError, match="cannot identify"):
        read_image(tmp_path / "x.png")
    with pytest.raises(OSError, match="cannot identify"):
        pil_loader(tmp_path / "x.png")


def test_pictures_that_claim_to_be_huge(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    with pytest.raises(RuntimeError, match="exceeds limit"):
        decode_image(saved(picture("RGB"), format="PNG"))


@pytest.mark.parametrize("format", FORMATS)
def test_every_format(format):
    data = io.BytesIO()
    try:
        picture("RGB").resize((32, 32)).save(data, format=format)
    except (OSError, KeyError):
        pytest.skip("this Pillow cannot write it")
    found = decode_image(rl.tensor(list(data.getvalue()), dtype=rl.uint8), "RGB")
    assert found.shape[-3:] == (3, 32, 32)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_pictures_are_runtime_errors():
    chance = random.Random(0)
    for format in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"):
        data = bytes(saved(picture("RGB"), format=format).numpy())
        for _ in range(60):
            changed = bytearray(data[: chance.randrange(1, len(data) + 1)])
            for _ in range(chance.randrange(4)):
                changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            try:
                decode_image(rl.tensor(list(changed), dtype=rl.uint8))
            except RuntimeError as problem:
                assert "Unsupported image file" in str(problem)  # noqa: PT017


class Pictures(Dataset):
    """As people write it."""

    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return read_image(self.paths[index]).float() / 255


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_in_a_dataset(tmp_path, kind):
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path in paths:
        write_png(SMOOTH, path)
    loader = DataLoader(Pictures(paths), batch_size=4, num_workers=1, worker_type=kind)
    (batch,) = loader
    assert "decode" in str(loader.stats())
    assert rl.equal(batch, (SMOOTH.float() / 255).expand(4, 3, 8, 8))
