"""The first example, and the command line that runs it."""

import subprocess
import sys

import pytest

from rushlight import cli


def run(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "rushlight.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)


def test_one_epoch_learns_and_draws(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "new folder" / "demo.png"
    assert cli.main(["demo", "--epochs", "1", "--out", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    report = capsys.readouterr().out
    assert "A network of 38,266 weights" in report
    assert "of 359 held-out digits" in report


def test_without_matplotlib_it_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    from rushlight.examples.digits_picture import draw

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert not draw({}, tmp_path / "demo.png")
    assert 'pip install "rushlight[plots]"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["demo", "--epochs", "0"], "--epochs must be at least 1, not 0"),
        (["demo", "--out", "demo.txt"], "--out must end in .png, .svg or .pdf, not 'demo.txt'"),
        (["demo", "--epoch", "many"], "invalid int value: 'many'"),
        (["dance"], "invalid choice: 'dance'"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_done(arguments, complaint, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


def test_version_and_help():
    assert run("--version").stdout.startswith("rushlight ")
    assert "train a small network" in run().stdout
    assert "passes over the images" in run("demo", "--help").stdout
