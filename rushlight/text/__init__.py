"""Text: vocabularies, tokenizers, transforms of token lists, and other people's tokenizers."""

from .files import encode_file
from .tokenize import Tokenize, TokenizeCollate
from .tokenizers import (
    ByteTokenizer,
    CharTokenizer,
    RegexTokenizer,
    basic_english,
    get_tokenizer,
    ngrams_iterator,
)
from .transforms import (
    AddToken,
    LabelToIndex,
    PadTransform,
    Sequential,
    StrToIntTransform,
    ToTensor,
    Truncate,
    VocabTransform,
)
from .vocabulary import Vocab, build_vocab_from_iterator, vocab

__all__ = [
    "AddToken",
    "ByteTokenizer",
    "CharTokenizer",
    "LabelToIndex",
    "PadTransform",
    "RegexTokenizer",
    "Sequential",
    "StrToIntTransform",
    "ToTensor",
    "Tokenize",
    "TokenizeCollate",
    "Truncate",
    "Vocab",
    "VocabTransform",
    "basic_english",
    "build_vocab_from_iterator",
    "encode_file",
    "get_tokenizer",
    "ngrams_iterator",
    "vocab",
]
