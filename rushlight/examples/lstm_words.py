"""An LSTM that learns a small language, word by word.

    python -m rushlight.examples.lstm_words [--steps 1500] [--text FILE]

The language is made up by a few rules: sentences such as "the dogs that chase the cat sleep .",
where a verb has to agree with a noun some words back.  The network should come near to the lowest
loss there is, which the rules tell, and get nearly all verbs right.  With `--text` it learns the
words of a file instead.  Weights are as in Zaremba et al., 2014, "Recurrent neural network
regularization".
"""

from __future__ import annotations

import argparse
import math
import random

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn, optim
from rushlight.text import Vocab

NOUNS = {False: ["dog", "cat", "child", "bird"], True: ["dogs", "cats", "children", "birds"]}
VERBS = {False: ["sleeps", "sings", "runs"], True: ["sleep", "sing", "run"]}
CHASES = {False: ["chases", "sees", "likes"], True: ["chase", "see", "like"]}
LOWEST = (1.75 * math.log(3 * 8) + 1.5 * math.log(2)) / 7.25
"""What the rules leave open: the mean surprise of a sentence, over its mean number of words."""


def make_sentence(numbers: random.Random) -> list[str]:
    """A sentence whose last verb agrees with its first noun."""
    plural = numbers.random() < 0.5
    words = ["the", numbers.choice(NOUNS[plural])]
    for _ in range(numbers.choice([0, 0, 1, 2])):
        words += ["that", numbers.choice(CHASES[plural]), "the"]
        words.append(numbers.choice(NOUNS[numbers.random() < 0.5]))
        words.append("and")
    if words[-1] == "and":
        words.pop()
    return [*words, numbers.choice(VERBS[plural]), "."]


def make_words(count: int, seed: int) -> list[str]:
    """A text of at least so many words."""
    numbers = random.Random(seed)
    words: list[str] = []
    while len(words) < count:
        words += make_sentence(numbers)
    return words


class Windows:
    """A text in `batch` rows, read window by window: the state goes on from each to the next."""

    def __init__(self, numbers: rl.Tensor, batch: int, length: int):
        columns = (len(numbers) - 1) // batch
        self.inputs = numbers[: batch * columns].view(batch, columns)
        self.targets = numbers[1 : batch * columns + 1].view(batch, columns)
        self.starts = range(0, columns - length + 1, length)
        self.length = length
        if not self.starts:
            raise ValueError(f"a text of {len(numbers)} words is too short for {batch} rows")

    def __iter__(self):
        for start in self.starts:
            part = slice(start, start + self.length)
            yield self.inputs[:, part], self.targets[:, part]


class WordModel(nn.Module):
    """Embedding, LSTM, and a linear layer to the words."""

    def __init__(self, words: int, width: int, layers: int = 1, dropout: float = 0.1):
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.drop = nn.Dropout(dropout)
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(width, width, layers, batch_first=True, dropout=between)
        self.head = nn.Linear(width, words)

    def forward(
        self, x: rl.Tensor, state: tuple[rl.Tensor, rl.Tensor] | None = None
    ) -> tuple[rl.Tensor, tuple[rl.Tensor, rl.Tensor]]:
        """(batch, time) word numbers to scores of the next word at every place."""
        hidden, state = self.lstm(self.drop(self.embedding(x)), state)
        return self.head(self.drop(hidden)), state

    @rl.no_grad()
    def generate(self, first: int, count: int) -> list[int]:
        """Word numbers drawn one after the other."""
        words, state = [first], None
        for _ in range(count):
            scores, state = self(rl.tensor([[words[-1]]]), state)
            chances = F.softmax(scores[0, -1], dim=-1)
            words.append(rl.multinomial(chances, 1).item())
        return words


def train_step(
    model: WordModel, x: rl.Tensor, y: rl.Tensor, state: tuple | None, optimizer: optim.Optimizer
) -> tuple[float, tuple]:
    """One step from a window; its loss, and the state for the next one."""
    if state is not None:
        state = tuple(part.detach() for part in state)  # gradients end where the window begins
    optimizer.zero_grad()
    scores, state = model(x, state)
    loss = F.cross_entropy(scores.flatten(0, 1), y.flatten())
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item(), state


@rl.no_grad()
def agreement(model: WordModel, vocabulary: Vocab, count: int = 200) -> float:
    """How often the last verb that the model finds likeliest agrees with the first noun."""
    model.eval()
    right = 0
    for sentence in (make_sentence(random.Random(10_000 + i)) for i in range(count)):
        scores, _ = model(rl.tensor([vocabulary([".", *sentence[:-2]])]))
        plural = sentence[1] in NOUNS[True]
        chances = {
            many: max(scores[0, -1, vocabulary[verb]].item() for verb in VERBS[many])
            for many in (False, True)
        }
        right += chances[plural] > chances[not plural]
    model.train()
    return right / count


def main(arguments: list[str] | None = None) -> float:
    """Train, show some words, and return the mean loss of the last 50 steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", help="a file of plain text; made up if left out")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--length", type=int, default=24)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rl.manual_seed(options.seed)
    if options.text:
        with open(options.text, encoding="utf-8") as file:
            words = file.read().split()
    else:
        words = make_words(50_000, options.seed)
    vocabulary = Vocab(sorted(set(words)))
    numbers = rl.tensor(vocabulary(words))
    windows = Windows(numbers, options.batch_size, options.length)
    model = WordModel(len(vocabulary), options.width, options.layers)
    optimizer = optim.Adam(model.parameters(), lr=options.lr)
    losses: list[float] = []
    while len(losses) < options.steps:
        state = None
        for x, y in windows:
            loss, state = train_step(model, x, y, state, optimizer)
            losses.append(loss)
            if len(losses) % 250 == 0:
                print(f"step {len(losses)}: loss {loss:.4f}")
            if len(losses) == options.steps:
                break
    last = sum(losses[-50:]) / len(losses[-50:])
    print(f"mean loss of the last {len(losses[-50:])} steps: {last:.4f}")
    if not options.text:
        print(f"the rules allow {LOWEST:.4f}")
        print(f"verbs that agree with their noun: {agreement(model, vocabulary):.0%}")
    model.eval()
    print(" ".join(vocabulary.lookup_tokens(model.generate(numbers[0].item(), 40))))
    return last


if __name__ == "__main__":
    main()
