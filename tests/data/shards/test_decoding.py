import io
import pickle
import zipfile

import numpy as np
import pytest

from rushlight.data import ShardDataset, TarDataset
from rushlight.data.shards.decoding import Decoder, decode_array, encode_field
from tests.data.shards.making import write_shards


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


VALUES = [
    ("txt", "grüße".encode(), "grüße"),
    ("caption.txt", b"words", "words"),
    ("cls", b"17", 17),
    ("index", b" 3\n", 3),
    ("json", b'{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
    ("bin", b"\0\1", b"\0\1"),
    ("jpg", b"not asked for", b"not asked for"),
    ("unknown", b"\xff", b"\xff"),
]


@pytest.mark.parametrize(("field", "data", "expected"), VALUES)
def test_values(field, data, expected):
    assert Decoder()({field: data, "__key__": "k"}) == {field: expected, "__key__": "k"}


ARRAYS = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.asfortranarray(np.arange(6).reshape(2, 3)),
    np.array(5.0),
    np.zeros((3, 0), np.uint8),
    np.array(["ab", "c"]),
    np.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", ">f8")]),
]


@pytest.mark.parametrize("array", ARRAYS, ids=str)
def test_arrays(array):
    found = decode_array(npy(array))
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert np.array_equal(found, array)
    assert found.flags.writeable
    (both,) = Decoder()({"npz": npz(x=array, y=array)}).values()
    assert both.keys() == {"x", "y"}
    assert np.array_equal(both["y"], array)


def header(text):
    line = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + len(line).to_bytes(2, "little") + line


def zip_bomb():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(50 << 20))
    return file.getvalue()


HUGE = header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }")
BAD = [
    ("cls", b"seven", "invalid literal"),
    ("json", b"{", "while decoding|Expecting"),
    ("json", b"[" * 100_000, "recursion"),
    ("txt", b"\xff\xfe", "utf-8"),
    ("npy", b"nothing", "magic"),
    ("npy", HUGE + bytes(80), "needs 8000000000000 bytes, found 80"),
    ("npy", header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"), "needs -8 bytes"),
    ("npy", header("__import__('os').getcwd()"), "malformed"),
    ("npy", npy(np.ones(3))[:-1], "needs 24 bytes, found 23"),
    ("npy", pickle.dumps(3), "magic"),
    ("npz", b"PK\3\4", "zip"),
    ("npz", zip_bomb(), "would unpack to 52428800"),
]


@pytest.mark.parametrize(("field", "data", "words"), BAD)
def test_bad_values_name_the_field(field, data, words):
    with pytest.raises(Exception, match=f"(?i){words}") as caught:
        Decoder()({"__key__": "k", field: data})
    assert f"while decoding the field {field!r}" in caught.value.__notes__


@pytest.mark.parametrize("field", ["pyd", "pickle", "pkl", "pth", "pt", "x.PKL"])
def test_pickles_are_refused(field):
    evil = pickle.dumps(np.array([object()]))
    with pytest.raises(ValueError, match="loading one can run any code"):
        Decoder()({field.lower(): evil})
    assert Decoder(handlers={field.rpartition(".")[2]: len})({field.lower(): b"abc"}) == {
        field.lower(): 3
    }
    with pytest.raises(ValueError, match="would be a pickle"):
        encode_field(field, {"a": 1})


def test_objects_in_arrays_are_refused():
    data = npy(np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="only running the file's code"):
        Decoder()({"npy": data})


# ------------------------------------------------------------------------------------------- images
PICTURE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
FORMS = [
    ("rgb8", (4, 4, 3), np.uint8),
    ("l8", (4, 4), np.uint8),
    ("rgba8", (4, 4, 4), np.uint8),
    ("rgb", (4, 4, 3), np.float32),
    ("l", (4, 4), np.float32),
    ("torchrgb8", (3, 4, 4), np.uint8),
    ("torchl", (1, 4, 4), np.float32),
]


@pytest.mark.parametrize(("form", "shape", "dtype"), FORMS)
def test_forms_of_images(form, shape, dtype):
    pytest.importorskip("PIL")
    found = Decoder(form)({"png": encode_field("png", PICTURE)})["png"]
    assert (found.shape, found.dtype) == (shape, dtype)
    if form.endswith("rgb8"):
        expected = PICTURE if form == "rgb8" else PICTURE.transpose(2, 0, 1)
        assert np.array_equal(found, expected)
    if form == "rgb":
        assert np.array_equal(found, np.float32(PICTURE) / np.float32(255))


def test_pictures_of_pillow():
    image = pytest.importorskip("PIL.Image").fromarray(PICTURE)
    for form, mode in [("pil", "RGB"), ("pill", "L"), ("pilrgba", "RGBA")]:
        assert Decoder(form)({"png": encode_field("png", image)})["png"].mode == mode
    jpeg = encode_field("jpg", PICTURE / 255.0)
    assert Decoder("pil")({"jpg": jpeg})["jpg"].format == "JPEG"
    with pytest.raises(OSError, match="cannot identify"):
        Decoder("rgb8")({"png": b"\x89PNG"})


@pytest.mark.parametrize("form", ["pil8", "bgr", "rgb16", "pilrgb8", ""])
def test_unknown_forms(form):
    with pytest.raises(ValueError, match="is no form of images; there are rgb8"):
        ShardDataset("a.tar").decode(form)


# ----------------------------------------------------------------------------------------- together
def test_own_decoders_and_whole_data_sets(tmp_path):
    urls = write_shards(tmp_path, [3, 2], npy=lambda i: np.full(2, i), txt="{:03}".format)
    for dataset in (ShardDataset(urls, lanes=1), TarDataset(urls)):
        made = dataset.decode(txt=lambda data: int(data) * 2).to_tuple("txt", "npy", "cls")
        assert [(a, b.tolist(), c) for a, b, c in made] == [(2 * i, [i, i], i) for i in range(5)]


NO_ENCODER = [
    ("xyz", [1], TypeError, "no encoder for the field 'xyz' of type list"),
    ("cls", "seven", ValueError, "invalid literal"),
    ("npy", np.array([object()]), ValueError, "Object arrays"),
]


@pytest.mark.parametrize(("field", "value", "error", "words"), NO_ENCODER)
def test_what_cannot_be_encoded(field, value, error, words):
    if isinstance(value, str):
        assert encode_field(field, value) == value.encode()
        return
    with pytest.raises(error, match=words):
        encode_field(field, value)
