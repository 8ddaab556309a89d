"""Text files as files of token numbers."""

import numpy as np
import pytest

from rushlight.data import TokenDataset
from rushlight.text import ByteTokenizer, CharTokenizer, encode_file, files


@pytest.fixture
def write(tmp_path):
    def written(text):
        path = tmp_path / "text.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


TEXTS = ["", "a", "one\ntwo\r\nthree\n\n", "no end", "é" * 9 + "\n", "\n\n", "a\rb\n"]


@pytest.mark.parametrize("longest", [2, 1 << 16])
@pytest.mark.parametrize("together", [1, 7, 1 << 20])
@pytest.mark.parametrize("text", TEXTS)
def test_one_text_comes_back(write, tmp_path, monkeypatch, text, longest, together):
    monkeypatch.setattr(files, "LONGEST", longest)
    monkeypatch.setattr(files, "TOGETHER", together)
    target = tmp_path / "tokens.bin"
    tokenizer = ByteTokenizer()
    count = encode_file(write(text), target, tokenizer)
    numbers = np.fromfile(target, "<u2")
    encode_file(write(text), target, ByteTokenizer(["<end>"], end="<end>"))
    assert np.fromfile(target, "<u2").tolist() == numbers.tolist()
    encode_file(write(text), target, lambda line: list(line.encode()))
    assert np.fromfile(target, "<u2").tolist() == numbers.tolist()
    assert len(numbers) == count
    assert tokenizer.decode_bytes(numbers) == text.encode()


@pytest.mark.parametrize("longest", [2, 1 << 16])
def test_each_line_a_text(write, tmp_path, monkeypatch, longest):
    monkeypatch.setattr(files, "LONGEST", longest)
    target = tmp_path / "tokens.bin"
    tokenizer = CharTokenizer("abc")
    assert encode_file(write("abc\r\n\nca\nb"), target, tokenizer, end=9) == 9
    assert np.fromfile(target, "<u2").tolist() == [0, 1, 2, 9, 9, 2, 0, 9, 1]


def test_tokenizers_of_others(write, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0, "a": 1}, unk_token="?"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.enable_padding(length=9)
    target = tmp_path / "tokens.bin"
    assert encode_file(write("a b\na\n"), target, words, end=2, dtype=np.uint32) == 5
    inputs, targets = TokenDataset(target, 4, dtype=np.uint32)[0]
    assert (inputs.tolist(), targets.tolist()) == ([1, 0, 2, 1], [0, 2, 1, 2])


def test_what_goes_wrong_leaves_the_old_file(write, tmp_path):
    target = tmp_path / "tokens.bin"
    target.write_bytes(b"old")
    with pytest.raises(ValueError, match="'x' at place 2 is not in the alphabet"):
        encode_file(write("abax"[1:]), target, CharTokenizer("ab"))
    with pytest.raises(UnicodeDecodeError):
        encode_file(write(b"a\xff"), target, CharTokenizer("a"))
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text.txt", "tokens.bin"]
    encode_file(write(b"a\xff"), target, CharTokenizer("a�"), errors="replace")
    assert np.fromfile(target, "<u2").tolist() == [0, 1]


def test_a_vocabulary_that_does_not_fit(write, tmp_path):
    target = tmp_path / "tokens.bin"
    tokenizer = ByteTokenizer([str(i) for i in range(1 << 16)])
    with pytest.raises(ValueError, match=r"has 65792 tokens.*give dtype=np\.uint32"):
        encode_file(write("a"), target, tokenizer)
    with pytest.raises(ValueError, match="token id 70000 at position 1"):
        encode_file(write("a"), target, lambda text: [5, 70000])
    assert not target.exists()
