"""Vocabularies."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.text import Vocab, build_vocab_from_iterator, vocab

WORDS = [["b", "a", "c", "a"], ["b", "a", "<unk>"]]

BUILT = [
    ({}, ["a", "b", "<unk>", "c"]),
    ({"min_freq": 2}, ["a", "b"]),
    ({"specials": ["<unk>"]}, ["<unk>", "a", "b", "c"]),
    ({"specials": ["<pad>"], "special_first": False}, ["a", "b", "<unk>", "c", "<pad>"]),
    ({"specials": ["<unk>", "<pad>"], "max_tokens": 3}, ["<unk>", "<pad>", "a"]),
    ({"max_tokens": 1}, ["a"]),
    ({"max_tokens": 2, "min_freq": 3, "specials": ["<unk>"]}, ["<unk>", "a"]),
]


@pytest.mark.parametrize(("options", "expected"), BUILT)
def test_the_commonest_come_first(options, expected):
    words = build_vocab_from_iterator(iter(WORDS), **options)
    assert words.get_itos() == expected
    assert words.get_stoi() == {token: i for i, token in enumerate(expected)}


def test_the_order_of_a_dict_is_kept():
    assert vocab({"z": 1, "a": 5, "y": 2}, min_freq=2).get_itos() == ["a", "y"]


def test_looking_up():
    words = Vocab(["a", "b"])
    assert len(words) == 2
    assert "b" in words
    assert "c" not in words
    assert words["b"] == 1
    assert words(["b", "a"]) == words.lookup_indices(["b", "a"]) == [1, 0]
    assert words.encode(["b", "a"]).tolist() == [1, 0]
    assert words.lookup_tokens([1, 0]) == ["b", "a"]
    assert repr(words) == "Vocab(['a', 'b'], size=2, default_index=None)"
    with pytest.raises(RuntimeError, match="Token c not found and default index is not set"):
        words["c"]
    words.set_default_index(-1)
    assert words["c"] == words.get_default_index() == -1
    words.set_default_index(None)
    with pytest.raises(RuntimeError, match="default index is not set"):
        words(["c"])


def test_new_tokens():
    words = Vocab(["a", "c"])
    words.insert_token("b", 1)
    words.append_token("d")
    assert words.get_itos() == list("abcd")
    assert [words[token] for token in "abcd"] == [0, 1, 2, 3]
    with pytest.raises(RuntimeError, match="Token b already exists in the Vocab with index: 1"):
        words.append_token("b")
    with pytest.raises(RuntimeError, match="Specified index 9 is out of bounds"):
        words.insert_token("x", 9)


@pytest.mark.parametrize("index", [-1, 1])
def test_a_number_without_a_token(index):
    with pytest.raises(RuntimeError, match=f"Specified index {index} is out of bounds for size 1"):
        Vocab(["a"]).lookup_token(index)


WRONG = [
    (lambda: Vocab([1]), TypeError, "must be a str, but got 1"),
    (lambda: Vocab(["a", "a"]), RuntimeError, "Token a already exists"),
    (lambda: Vocab(default_index="a"), TypeError, "default_index must be an int or None"),
    (lambda: build_vocab_from_iterator(["a text"]), TypeError, "should be a list of tokens"),
    (
        lambda: build_vocab_from_iterator(WORDS, specials=["a"], max_tokens=1),
        AssertionError,
        "entirely special",
    ),
]


@pytest.mark.parametrize(("make", "kind", "words"), WRONG)
def test_what_is_refused(make, kind, words):
    with pytest.raises(kind, match=words):
        make()


@given(st.lists(st.text(st.characters(exclude_categories=())), unique=True))
def test_a_file_holds_it(tmp_path_factory, tokens):
    path = tmp_path_factory.mktemp("vocabulary") / "words.json"
    words = Vocab(tokens, default_index=0)
    words.save(path)
    assert Vocab.load(path) == words


def test_copies_are_equal():
    words = Vocab(["a"], default_index=0)
    assert copy.deepcopy(words) == words
    assert words != Vocab(["a"])
    assert words != ["a"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x80\x04]\x94.",
        b"[]",
        b"[" * 100_000,
        b'{"version": 1}',
        b'{"version": 1, "tokens": ["a", "a"], "default_index": null}',
        b'{"version": 1, "tokens": [1], "default_index": null}',
        b'{"version": 1, "tokens": [], "default_index": true}',
        b'{"version": 2, "tokens": [], "default_index": null}',
        b'{"version": 1, "tokens": {"a": 1}, "default_index": null}',
    ],
)
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "words.json"
    path.write_bytes(text)
    with pytest.raises(ValueError, match=r"words\.json is no vocabulary"):
        Vocab.load(path)


def test_the_file_is_plain_json(tmp_path):
    Vocab(["é"]).save(tmp_path / "v")
    found = json.loads((tmp_path / "v").read_text(encoding="ascii"))
    assert found == {"version": 1, "tokens": ["é"], "default_index": None}
