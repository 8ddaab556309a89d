"""Tokenizers of any kind in a loader."""

import copy
import os
import pickle
import threading

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import DataLoader
from rushlight.text import ByteTokenizer, CharTokenizer, Tokenize, TokenizeCollate
from rushlight.text import tokenize as module

TEXTS = ["a b", "b", "c a b b a"]
NUMBERS = [[1, 2], [2], [0, 1, 2, 2, 1]]


@pytest.fixture
def words():
    """A tokenizer of Hugging Face that puts specials around texts if it is asked to."""
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {"<unk>": 0, "a": 1, "b": 2, "<s>": 3, "</s>": 4}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 3), ("</s>", 4)]
    )
    return made


class LikeTransformers:
    """The part of a tokenizer of transformers that is used."""

    pad_token_id = 7
    padding_side = "left"

    def convert_tokens_to_ids(self, tokens):
        raise NotImplementedError

    def __call__(self, texts, truncation, max_length, padding, **options):
        assert padding is False
        assert truncation is (max_length is not None)
        assert options == {
            "add_special_tokens": True,
            "return_attention_mask": False,
            "return_token_type_ids": False,
        }
        rows = [[3, *(" ab".index(word) for word in text.split())] for text in texts]
        return {"input_ids": [row[:max_length] for row in rows]}


def lists(found):
    assert all(row.dtype == np.int64 for row in found)
    return [row.tolist() for row in found]


def test_hugging_face_tokenizers(words):
    assert lists(Tokenize(words, add_special_tokens=False)(TEXTS)) == NUMBERS
    assert lists(Tokenize(words)(TEXTS)) == [[3, *row, 4] for row in NUMBERS]
    assert Tokenize(words)("a").tolist() == [3, 1, 4]


def test_cutting_leaves_room_for_specials_and_the_tokenizer_alone(words):
    words.enable_padding(pad_id=9, direction="left", length=12)
    tokenize = Tokenize(words, max_length=4)
    assert lists(tokenize(TEXTS)) == [[3, 1, 2, 4], [3, 2, 4], [3, 0, 1, 4]]
    assert words.truncation is None
    assert len(words.encode("a").ids) == 12
    batch = TokenizeCollate(words, max_length=4)(TEXTS)
    assert batch.tolist() == [[3, 1, 2, 4], [9, 3, 2, 4], [3, 0, 1, 4]]


def test_tokenizers_like_those_of_transformers():
    tokenizer = LikeTransformers()
    assert lists(Tokenize(tokenizer, max_length=3)(["a b b", "a"])) == [[3, 1, 2], [3, 1]]
    assert TokenizeCollate(tokenizer)(["a b", "a"]).tolist() == [[3, 1, 2], [7, 3, 1]]


def test_our_own_and_functions():
    assert lists(Tokenize(CharTokenizer("ab"), max_length=2)(["abba", "b"])) == [[0, 1], [1]]
    assert Tokenize(lambda text: [len(text)])("abc").tolist() == [3]
    assert Tokenize(lambda text: rl.tensor([len(text)]))("abc").tolist() == [3]
    assert Tokenize(ByteTokenizer())("").tolist() == []
    ended = ByteTokenizer(["<s>", "</s>"], begin="<s>", end="</s>")
    assert Tokenize(ended, max_length=4)("abc").tolist() == [256, 97, 98, 257]
    assert Tokenize(ended, max_length=1)("abc").tolist() == [256, 257]
    assert Tokenize(ended, add_special_tokens=False)("abc").tolist() == [97, 98, 99]
    assert Tokenize(ByteTokenizer())([]) == []


WRONG = [
    (lambda: Tokenize(3), TypeError, "should have encode_batch or encode"),
    (lambda: Tokenize(len, max_length=0), ValueError, "max_length should be at least 1"),
    (lambda: Tokenize(str.split)("a b"), TypeError, "should give a list of numbers for a text"),
]


@pytest.mark.parametrize(("make", "kind", "words"), WRONG)
def test_what_is_refused(make, kind, words):
    with pytest.raises(kind, match=words):
        make()


def test_batches():
    collate = TokenizeCollate(CharTokenizer("abc"), field="text", value=5, multiple=2)
    batch = collate([{"text": "abc", "y": 1.5}, {"text": "b", "y": 2.5}])
    assert list(batch) == ["input_ids", "attention_mask", "y"]
    assert batch["input_ids"].tolist() == [[0, 1, 2, 5], [1, 5, 5, 5]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]
    assert batch["y"].dtype == rl.float64
    ids, labels = TokenizeCollate(CharTokenizer("abc"), field=0)([("ab", 1), ("c", 0)])
    assert (ids.tolist(), labels.tolist()) == ([[0, 1], [2, 0]], [1, 0])
    labels, ids = TokenizeCollate(CharTokenizer("abc"), field=-1)([(1, "ab"), (0, "c")])
    assert (ids.tolist(), labels.tolist()) == ([[0, 1], [2, 0]], [1, 0])
    with pytest.raises(KeyError, match="words"):
        TokenizeCollate(CharTokenizer("abc"), field="words")([{"text": "ab"}])


@pytest.mark.parametrize("worker_type", ["thread", "process"])
def test_workers_give_the_same(words, worker_type):
    collate = TokenizeCollate(words, max_length=4)

    def batches(**options):
        loader = DataLoader(TEXTS * 4, batch_size=5, collate_fn=collate, **options)
        return [batch.tolist() for batch in loader]

    assert batches(num_workers=2, worker_type=worker_type) == batches()


def test_only_a_worker_process_keeps_to_one_thread(monkeypatch):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    Tokenize(len_list)("a")
    monkeypatch.setattr(module, "get_worker_info", lambda: "a worker")
    thread = threading.Thread(target=lambda: Tokenize(len_list)("a"))
    thread.start()
    thread.join()
    assert "TOKENIZERS_PARALLELISM" not in os.environ
    Tokenize(len_list)("a")
    assert os.environ.pop("TOKENIZERS_PARALLELISM") == "false"


def len_list(text):
    return [len(text)]


def test_copies(words):
    tokenize = Tokenize(words, max_length=3)
    pickled = pickle.loads(pickle.dumps(tokenize))  # noqa: S301 - its own
    for again in (copy.deepcopy(tokenize), pickled):
        assert lists(again(TEXTS)) == lists(tokenize(TEXTS))
