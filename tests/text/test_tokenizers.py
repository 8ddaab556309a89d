"""Bytes, letters, and words by rules."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.text import (
    ByteTokenizer,
    CharTokenizer,
    RegexTokenizer,
    basic_english,
    get_tokenizer,
    ngrams_iterator,
)

ANY_TEXT = st.text()


@given(ANY_TEXT)
def test_bytes_of_any_text_come_back(text):
    tokenizer = ByteTokenizer(["<s>", "</s>"], begin="<s>", end="</s>")
    numbers = tokenizer.encode(text)
    assert numbers.dtype == np.int64
    assert numbers[0] == 256
    assert numbers[-1] == 257
    assert bytes(numbers[1:-1].tolist()) == text.encode()
    assert tokenizer.decode(numbers) == tokenizer.decode(numbers.tolist()) == text


@given(st.binary())
def test_any_bytes_come_back(data):
    tokenizer = ByteTokenizer()
    numbers = tokenizer.encode(data)
    assert tokenizer.decode_bytes(numbers) == data
    escaped = tokenizer.decode(numbers, errors="surrogateescape")
    assert tokenizer.encode(escaped).tolist() == numbers.tolist()
    assert tokenizer.decode(numbers) == data.decode("utf-8", "replace")


def test_bytes_that_are_no_text():
    tokenizer = ByteTokenizer()
    cut = tokenizer.encode("é")[:1]
    assert tokenizer.decode(cut) == "�"
    with pytest.raises(UnicodeDecodeError):
        tokenizer.decode(cut, errors="strict")
    with pytest.raises(UnicodeEncodeError):
        tokenizer.encode("\ud800")


def test_the_name_of_a_special_in_a_text_is_text():
    tokenizer = ByteTokenizer(["<s>"])
    assert tokenizer.encode("<s>").max() < 256
    assert tokenizer.special("<s>") == 256
    assert len(tokenizer) == 257


WRONG_BYTES = [
    (lambda: ByteTokenizer(["a", "a"]), ValueError, "a special comes twice"),
    (lambda: ByteTokenizer(end="<e>"), KeyError, "no special '<e>'"),
    (lambda: ByteTokenizer().decode([3, 256]), ValueError, "token 256 at place 1 is none of 256"),
    (lambda: ByteTokenizer().decode([-1]), ValueError, "token -1 at place 0"),
    (lambda: ByteTokenizer().decode([1.5]), ValueError, "expected a list of token numbers"),
    (lambda: ByteTokenizer().decode([[1]]), ValueError, "expected a list of token numbers"),
    (lambda: CharTokenizer("aba"), ValueError, "a letter comes twice"),
    (lambda: CharTokenizer("ab", unknown="?"), ValueError, "is not in the alphabet"),
    (lambda: CharTokenizer("ab").encode("abc"), ValueError, "'c' at place 2 is not"),
    (lambda: CharTokenizer("").encode("a"), ValueError, "'a' at place 0 is not"),
    (lambda: CharTokenizer("ab").decode([2]), ValueError, "token 2 at place 0 is none of 2"),
    (lambda: get_tokenizer("spacy"), ValueError, 'None, "basic_english" or a function'),
]


@pytest.mark.parametrize(("make", "kind", "words"), WRONG_BYTES)
def test_what_is_refused(make, kind, words):
    with pytest.raises(kind, match=words):
        make()


@given(st.text(st.characters(exclude_categories=())))
def test_letters_of_any_text_come_back(text):
    tokenizer = CharTokenizer.of(text)
    numbers = tokenizer.encode(text)
    assert numbers.dtype == np.int64
    assert [tokenizer.alphabet[i] for i in numbers] == list(text)
    assert tokenizer.decode(numbers) == text
    assert sorted(tokenizer.alphabet) == list(tokenizer.alphabet)


def test_letters_in_an_order_of_their_own():
    tokenizer = CharTokenizer("cab?", unknown="?")
    assert tokenizer.encode("abcxé").tolist() == [1, 2, 0, 3, 3]
    assert tokenizer.decode([]) == ""
    assert len(CharTokenizer.of("ab", "bc", unknown="?")) == 4
    again = pickle.loads(pickle.dumps(tokenizer))  # noqa: S301 - its own
    assert again.encode("b").tolist() == [2]


LINES = [
    ("You can now install TorchText using pip!", "you can now install torchtext using pip !"),
    ('Don\'t "shout" (please).', "don ' t shout ( please ) ."),
    ("a<br />b; c:d,e?", "a b c d , e ?"),
    ('<br "/>', ""),
    (" \t\n", ""),
]


@pytest.mark.parametrize(("line", "words"), LINES)
def test_words_by_a_simple_rule(line, words):
    assert basic_english(line) == get_tokenizer("basic_english")(line) == words.split()


def test_words_by_rules_of_ones_own():
    cut = RegexTokenizer([(r"[0-9]+", " # "), (r"!", " ! ")])
    assert cut("It is 3:15!") == ["it", "is", "#", ":", "#", "!"]
    assert RegexTokenizer([], lower=False)("A b") == ["A", "b"]
    assert copy.deepcopy(cut)("7") == ["#"]


def test_functions_are_tokenizers():
    assert get_tokenizer(list) is list
    assert get_tokenizer(None)(" a  b ") == ["a", "b"]


def test_runs_of_words():
    assert list(ngrams_iterator(["a", "b", "c"], 3)) == ["a", "b", "c", "a b", "b c", "a b c"]
    assert list(ngrams_iterator(["a"], 3)) == ["a"]
