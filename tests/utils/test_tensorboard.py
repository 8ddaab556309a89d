"""Event files: records with the checksums and fields that TensorBoard reads."""

import struct
import zlib

import numpy as np
import pytest

import rushlight as rl
from rushlight.utils import events
from rushlight.utils.tensorboard import SummaryWriter


def records(data):
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12])[0] == events.checksum(data[:8])
        body = data[12 : 12 + length]
        assert struct.unpack("<I", data[12 + length : 16 + length])[0] == events.checksum(body)
        yield fields(body)
        data = data[16 + length :]


def varint(data):
    number = shift = 0
    while True:
        byte, data = data[0], data[1:]
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return number, data


def fields(data):
    found = {}
    while data:
        key, data = varint(data)
        if key & 7 == 0:
            value, data = varint(data)
        elif key & 7 == 2:
            length, data = varint(data)
            value, data = data[:length], data[length:]
        else:
            form = {1: "<d", 5: "<f"}[key & 7]
            size = struct.calcsize(form)
            (value,), data = struct.unpack(form, data[:size]), data[size:]
        found.setdefault(key >> 3, []).append(value)
    return found


def written(folder):
    (path,) = [path for path in folder.iterdir() if path.is_file()]
    first, *rest = records(path.read_bytes())
    assert first[3] == [b"brain.Event:2"]
    return [(event.get(2), fields(fields(event[5][0])[1][0])) for event in rest]


def test_numbers(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", rl.tensor(0.5), 300)
        writer.add_scalar("none", 1)
        writer.add_scalar("first", np.float64(2), 0)
    (step, loss), (no_step, _), (zero, first) = written(tmp_path)
    assert (step, loss[1], loss[2]) == ([300], [b"loss"], [0.5])
    assert no_step is None
    assert (zero, first[2]) == ([0], [2])


def test_a_negative_step_and_a_time(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("x", 1, -1, walltime=12.5)
    ((step, _),) = written(tmp_path)
    assert step == [(1 << 64) - 1]


def test_histograms(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("h", rl.arange(8.0), bins=4)
        with pytest.raises(ValueError, match="no element"):
            writer.add_histogram("h", rl.zeros(0))
    found = fields(written(tmp_path)[0][1][5][0])
    assert [found[n][0] for n in range(1, 6)] == [0, 7, 8, 28, 140]
    assert struct.unpack("<4d", found[7][0]) == (2, 2, 2, 2)
    assert struct.unpack("<4d", found[6][0])[-1] == 7


@pytest.mark.parametrize("form", ["CHW", "HWC", "HW"])
def test_pictures(tmp_path, form):
    shape = [{"C": 3, "H": 2, "W": 4}[axis] for axis in form]
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("p", rl.ones(shape), dataformats=form)
        with pytest.raises(ValueError, match="axes"):
            writer.add_image("p", rl.ones(2), dataformats=form)
    found = fields(written(tmp_path)[0][1][4][0])
    assert (found[1], found[2], found[3]) == ([2], [4], [3 if "C" in form else 1])
    assert found[4][0].startswith(b"\x89PNG")
    place = found[4][0].index(b"IDAT")
    assert set(zlib.decompress(found[4][0][place + 4 :])) == {0, 255}


def test_many_pictures_texts_and_settings(tmp_path):
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_images("i", rl.rand(5, 1, 4, 4))
        writer.add_text("note", "good")
        writer.add_hparams({"lr": 0.1}, {"accuracy": 0.9})
        writer.add_graph(None)
    found = written(tmp_path)
    assert [value[1] for _, value in found] == [
        [b"i"],
        [b"note/text_summary"],
        [b"hparams/text_summary"],
        [b"accuracy"],
    ]
    assert fields(found[1][1][8][0])[8] == [b"good"]


def test_several_curves_in_one_picture(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalars("loss", {"train": 1, "test": 2}, 3)
    assert written(tmp_path) == []
    for name, number in (("train", 1), ("test", 2)):
        ((_, value),) = written(tmp_path / f"loss_{name}")
        assert (value[1], value[2]) == ([b"loss"], [number])


def test_numbers_are_on_disk_before_the_end(tmp_path):
    writer = SummaryWriter(tmp_path, flush_secs=0)
    writer.add_scalar("x", 1, 1)
    assert len(written(tmp_path)) == 1
    writer.close()


def test_a_folder_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    writer = SummaryWriter(comment="_x")
    writer.add_scalar("x", 1)
    writer.close()
    assert writer.get_logdir().startswith("runs")
    assert writer.get_logdir().endswith("_x")
    assert len(written(tmp_path / writer.log_dir)) == 1
