"""Where checkpoints are written and read, and that none is ever half there."""

import errno
import io
import os
import pathlib
import signal
import stat
import subprocess
import sys

import pytest

import rushlight as rl
from rushlight import nn, optim

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX alone has it")


@pytest.mark.parametrize("kind", [str, pathlib.Path])
def test_paths(tmp_path, kind):
    path = kind(tmp_path / "model.rl")
    rl.save({"x": rl.ones(2)}, path)
    rl.save({"x": rl.zeros(2)}, path)
    assert rl.load(path)["x"].tolist() == [0, 0]
    assert [found.name for found in tmp_path.iterdir()] == ["model.rl"]


def test_a_path_beside_the_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rl.save(1, "model.rl")
    assert rl.load("model.rl") == 1


@pytest.mark.parametrize("buffering", [-1, 0])
def test_open_files(tmp_path, buffering):
    with open(tmp_path / "x", "wb", buffering=buffering) as file:
        rl.save([rl.ones(3)], file)
    with open(tmp_path / "x", "rb", buffering=buffering) as file:
        assert rl.load(file)[0].tolist() == [1, 1, 1]


def test_a_file_that_takes_a_piece_at_a_time():
    class Slow(io.RawIOBase):
        written = b""

        def write(self, part):
            self.written += bytes(part[:100])
            return min(len(part), 100)

    file = Slow()
    rl.save([rl.ones(300)], file)
    assert rl.load(io.BytesIO(file.written))[0].sum() == 300


def test_text_files_and_other_things_are_refused(tmp_path):
    for wrong in (io.StringIO(), 3, None):
        with pytest.raises(TypeError, match="open for bytes"):
            rl.save(1, wrong)
        with pytest.raises(TypeError, match="open for bytes"):
            rl.load(wrong)


def test_map_location_and_weights_only(through):
    for location in (None, "cpu", rl.device("cpu"), {"cuda:0": "cpu"}, lambda storage, _: storage):
        assert through(rl.ones(1), map_location=location).tolist() == [1]
    for wrong in ("cuda", rl.device("cuda", 1), {"cpu": "cuda:0"}):
        with pytest.raises(RuntimeError, match="cuda"):
            through(rl.ones(1), map_location=wrong)
    assert through(1, weights_only=False, mmap=True) == 1


# -------------------------------------------------------------------------------- places that fail
def test_reading_fails_as_open_does(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.rl"):
        rl.load(tmp_path / "nowhere.rl")
    with pytest.raises((IsADirectoryError, PermissionError)):
        rl.load(tmp_path)


def test_writing_fails_as_open_does(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.x\.rl"):
        rl.save(1, tmp_path / "nowhere" / "x.rl")
    with pytest.raises(IsADirectoryError):
        rl.save(1, tmp_path)
    assert list(tmp_path.iterdir()) == []


@posix
def test_the_permissions_are_those_of_the_old_file_or_usual(tmp_path):
    mask = os.umask(0o027)
    try:
        rl.save(1, tmp_path / "new")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    (tmp_path / "new").chmod(0o604)
    rl.save(2, tmp_path / "new")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o604


@posix
def test_links_are_followed_and_devices_written_to(tmp_path):
    (tmp_path / "link").symlink_to("real")
    rl.save(1, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert rl.load(tmp_path / "real") == 1
    rl.save(1, "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_name_as_long_as_may_be(tmp_path):
    path = tmp_path / ("é" * 120)
    rl.save(1, path)
    assert rl.load(path) == 1


# --------------------------------------------------------------------------- nothing by halves
def fail(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("step", ["os.fsync", "os.replace", "shutil.copymode"])
@pytest.mark.parametrize("interrupt", [False, True])
def test_after_an_error_the_old_file_is_there(tmp_path, monkeypatch, step, interrupt):
    path = tmp_path / "model.rl"
    rl.save({"x": rl.ones(2)}, path)
    before = path.read_bytes()

    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(step, stop if interrupt else fail)
    with pytest.raises(KeyboardInterrupt if interrupt else OSError):
        rl.save({"x": rl.zeros(2)}, path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["model.rl"]


def test_after_an_error_there_is_no_new_file(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        rl.save(1, tmp_path / "model.rl")
    assert list(tmp_path.iterdir()) == []


def test_what_fails_to_compute_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.rl"
    rl.save(1, path)
    index = rl.tensor([1]) * 5
    with pytest.raises(IndexError):
        rl.save({"x": rl.ones(3).gather(0, index)}, path)
    assert rl.load(path) == 1
    assert [found.name for found in tmp_path.iterdir()] == ["model.rl"]


KILLED = """
import os, signal, sys
import rushlight as rl

def die(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)

path, step = sys.argv[1:]
if step == "write":
    from rushlight.io import checkpoint
    whole = checkpoint.assemble
    def halves(*arguments):
        head, *numbers = whole(*arguments)
        yield head
        yield numbers[0][:30_000]
        die()
    checkpoint.assemble = halves
else:
    setattr(os, step, die)
rl.save({"x": rl.zeros(20_000)}, path)
"""


@posix
@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_killed_process_leaves_the_old_file(tmp_path, step):
    path = tmp_path / "model.rl"
    rl.save({"x": rl.ones(20_000)}, path)
    command = [sys.executable, "-c", KILLED, str(path), step]
    where = pathlib.Path(rl.__file__).parents[1]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert rl.load(path)["x"].tolist() == [1.0] * 20_000
    rl.save({"x": rl.zeros(3)}, path)
    assert rl.load(path)["x"].tolist() == [0, 0, 0]


# ---------------------------------------------------------------------------------- a training run
def start():
    rl.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))
    optimizer = optim.AdamW(model.parameters(), lr=0.1, amsgrad=True)
    return model, optimizer, optim.lr_scheduler.StepLR(optimizer, step_size=2)


def advance(model, optimizer, schedule, steps):
    x = rl.arange(32.0).reshape(8, 4) / 32
    for _ in range(steps):
        optimizer.zero_grad()
        (model(x) ** 2).sum().backward()
        optimizer.step()
        schedule.step()


def test_a_run_goes_on_from_a_file_to_the_same_bits(tmp_path):
    names = ("model", "optimizer", "schedule")
    whole = start()
    advance(*whole, steps=3)
    rl.save(
        {name: part.state_dict() for name, part in zip(names, whole, strict=True)},
        tmp_path / "run.rl",
    )
    advance(*whole, steps=3)
    again = start()
    found = rl.load(tmp_path / "run.rl")
    for name, part in zip(names, again, strict=True):
        part.load_state_dict(found[name])
    advance(*again, steps=3)
    assert whole[2].get_last_lr() == again[2].get_last_lr()
    for old, new in zip(
        whole[0].state_dict().values(), again[0].state_dict().values(), strict=True
    ):
        assert old.tolist() == new.tolist()
