"""The command that looks at data: what it finds, what it says, and the picture it writes."""

import io
import subprocess
import sys

import numpy as np
import pytest

from rushlight.data import ShardWriter
from rushlight.insight import batch as looking
from rushlight.insight.loading import main
from rushlight.insight.picture import draw

PROGRAM = """
import numpy as np
from rushlight.data import DataLoader, Dataset

class Waves(Dataset):
    def __len__(self):
        return 30

    def __getitem__(self, index):
        return {"x": np.full(5, index, np.float32), "name": f"wave {index}", "y": index % 3}

waves = Waves()
loader = DataLoader(waves, 4, num_workers=2)
number = 3

def make():
    return waves
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    sys.modules.pop("seen", None)


def said(capsys, *arguments):
    code = main(list(map(str, arguments)))
    text = capsys.readouterr()
    return code, text.out + text.err


@pytest.mark.parametrize("name", ["waves", "make", "loader"])
def test_an_object_of_a_program(name, folder, capsys):
    (folder / "seen.py").write_text(PROGRAM)
    code, text = said(capsys, f"seen.py:{name}")
    assert code == 0
    size = 4 if name == "loader" else 30
    assert "Waves: 30 samples. A batch holds" in text
    assert f"['x']     float32 ({size}, 5), 0 to {size - 1}, mean" in text
    assert f"['name']  {size} of str: 'wave 0', 'wave 1', 'wave 2', ..." in text
    assert f"30 samples in {8 if name == 'loader' else 1} batches" in text
    assert ("1 (thread)" in text) == (name == "loader")
    assert "no picture: no field has the shape of images" in text


def test_options(folder, capsys):
    (folder / "seen.py").write_text(PROGRAM)
    options = ["--batch-size", 5, "--batches", 2, "--workers", 1, "--worker-type", "process"]
    code, text = said(capsys, "seen:loader", *options)
    assert code == 0
    assert "float32 (5, 5)" in text
    assert "10 samples in 2 batches" in text
    assert "0 (process" in text


def test_comparing(folder, capsys):
    (folder / "seen.py").write_text(PROGRAM)
    code, text = said(capsys, "seen.py:waves", "--compare", "--batch-size", 4)
    assert code == 0
    for words in ("2 threads", "2 processes", "loading alone"):
        assert words in text


WRONG = [
    ("seen.py", "say which object of the program: seen.py:NAME"),
    ("seen.py:nothing", "seen.py has no 'nothing'; it has waves, loader"),
    ("seen.py:number", "number is no data set and no loader, but int"),
    ("unseen.py:waves", "there is no file 'unseen.py'"),
    ("nowhere", "there is no file or folder 'nowhere'"),
    ("json.py:waves", "has the name of another module"),
    ("odd.xyz", "'odd.xyz' ends in none of .npy"),
    ("empty", "are neither pictures nor other files"),
    ("few.bin", "10 tokens are less than one window"),
    ("bad.npy", "bad.npy is no .npy file: it begins with b'import"),
]


@pytest.mark.parametrize(("target", "words"), WRONG)
def test_what_cannot_be_looked_at(target, words, folder, capsys):
    for name in ("seen.py", "json.py", "odd.xyz", "bad.npy"):
        (folder / name).write_text(PROGRAM.lstrip())
    (folder / "few.bin").write_bytes(bytes(20))
    (folder / "empty").mkdir()
    code, text = said(capsys, target)
    assert code == 2
    assert words in text


def picture(size):
    image = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    image.fromarray(np.full((*size, 3), 200, np.uint8)).save(file, "png")
    return file.getvalue()


def test_files_and_folders(folder, capsys):
    np.save(folder / "rows.npy", np.zeros((9, 4), np.float32))
    np.save(folder / "tokens.npy", np.arange(700, dtype=np.uint16))
    (folder / "t.csv").write_text("a,b\n1,2\n3,4\n")
    (folder / "t.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    for name in ("sorted/cat/1.png", "sorted/dog/2.png", "flat/3.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture((20, 30)))
    with ShardWriter(str(folder / "s-%02d.tar"), maxcount=3) as writer:
        for number in range(5):
            writer.write({"__key__": f"{number}", "png": picture((20, 30)), "cls": number})
    expected = {
        "rows.npy": "NumpyDataset: 9 samples",
        "tokens.npy": "[0]  int64 (10, 64), 0 to 639",
        "t.csv": "['b']  2 of str: '2', '4'",
        "t.jsonl": "['a']  int64 (2,), 1 to 2",
        "sorted": "[0]  uint8 (2, 20, 30, 3), 200 to 200",
        "flat": "batch  uint8 (1, 20, 30, 3), 200 to 200",
        "s-{00..01}.tar": "['cls']      int64",
    }
    for target, words in expected.items():
        code, text = said(capsys, target)
        assert code == 0, text
        assert words in text, text


def test_the_picture_is_written(folder, capsys):
    np.save(folder / "rows.npy", np.random.default_rng(0).random((9, 10, 12)))
    code, text = said(capsys, "rows.npy", "--out", "seen.png")
    assert code == 0
    assert "picture: seen.png, 9 images of [0]" in text
    assert (folder / "seen.png").read_bytes().startswith(b"\x89PNG")


def test_usage(capsys):
    code, text = said(capsys)
    assert code == 0
    assert "rushlight data train.py:loader" in text


def test_it_is_a_command_of_rushlight(folder):
    command = [sys.executable, "-m", "rushlight.cli", "data", "rushlight.vision:Digits"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Digits: 1438 samples" in done.stdout
    assert "llvmlite" not in done.stderr


# ------------------------------------------------------------------------------ batch and picture
FIELDS = [
    (np.zeros((2, 3), np.int32), ["batch"], "int32 (2, 3), 0 to 0, mean 0"),
    (np.array([1.0, np.nan]), ["batch"], "float64 (2,), 1 to 1, mean 1, 1 not finite"),
    (np.array([np.inf]), ["batch"], "float64 (1,), nothing finite"),
    (np.zeros((0, 2)), ["batch"], "float64 (0, 2)"),
    ({"a": np.array([True]), "b": ["x"]}, ["['a']", "['b']"], "bool (1,), 0 to 1"),
    ([np.zeros(2), [np.ones(3)]], ["[0]", "[1][0]"], "float64 (2,), 0 to 0, mean 0"),
    (["a", "b"], ["batch"], "2 of str: 'a', 'b'"),
    ([np.zeros(2), np.zeros(3)], ["batch"], "2 arrays of 2 shapes: (2,), (3,)"),
]


@pytest.mark.parametrize(("batch", "names", "words"), FIELDS)
def test_fields(batch, names, words):
    found = list(looking.fields(batch))
    assert [name for name, _ in found] == names
    assert looking.described(found[0][1]).startswith(words.replace("0 to 1", "1 to 1"))


def test_what_cannot_be_joined_stays_a_list():
    samples = [{"a": np.zeros(size), "b": (size, "x"), "c": None} for size in (1, 2)]
    joined = looking.loosely(samples)
    assert [len(part) for part in joined["a"]] == [1, 2]
    assert joined["b"][0].tolist() == [1, 2]
    assert joined["c"] == [None, None]


IMAGES = [
    (np.zeros((4, 3, 16, 16)), "4 images of batch"),
    (np.zeros((4, 16, 16, 4)), "4 images of batch"),
    (np.zeros((4, 16, 20), np.uint8), "4 images of batch"),
    (np.full((4, 1, 9, 9), 200), "4 images of batch"),
    (np.linspace(-2, 3, 4 * 81).reshape(4, 9, 9), "black is -2 and white 3"),
    ([np.zeros((9, 12, 3)), np.zeros((300, 9, 3))], "2 images of batch"),
    (np.zeros((100, 9, 9), bool), "64 images of batch"),
]


@pytest.mark.parametrize(("values", "words"), IMAGES)
def test_images_are_known_by_their_shape(values, words):
    drawn = draw([("batch", values)], None)
    assert words in drawn.words
    assert drawn.pixels.dtype == np.uint8
    assert drawn.pixels.shape[2] == 3


@pytest.mark.parametrize("shape", [(4,), (4, 9), (4, 5, 16, 16), (4, 3, 4, 4), (4, 2, 9)])
def test_other_shapes_are_no_images(shape):
    assert draw([("batch", np.zeros(shape))], None).startswith("no picture")


def test_each_image_lies_in_its_cell():
    drawn = draw([("x", np.stack([np.full((64, 64), value) for value in (0, 1.0)]))], None)
    assert drawn.pixels.shape == (72, 140, 3)
    assert (drawn.pixels[4:68, 4:68] == 0).all()
    assert (drawn.pixels[4:68, 72:136] == 255).all()


def test_labels():
    pytest.importorskip("PIL")
    images, numbers = np.zeros((2, 9, 9)), np.array([1, 0])
    plain = draw([("x", images)], None)
    drawn = draw([("name", ["one", "둘"]), ("x", images), ("y", numbers)], ["cat", "고양이"])
    assert drawn.words.endswith("labels of y")
    assert drawn.pixels.shape[0] > plain.pixels.shape[0]
    assert draw([("name", ["one", "둘"]), ("x", images)], None).words.endswith("labels of name")
