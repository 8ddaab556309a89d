"""A Transformer that translates dates, such as "the 3rd of May, 1987" to "1987-05-03".

    python -m rushlight.examples.dates [--steps 800]

The encoder reads the letters of a date as people write it; the decoder writes the normal form
letter by letter, looking at what it has written and, through attention, at what was read (Vaswani
et al., 2017, "Attention is all you need", figure 1, with the normalisation before each part).
"""

from __future__ import annotations

import argparse
import random

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn, optim

MONTHS = ["January", "February", "March", "April", "May", "June", "July"]
MONTHS += ["August", "September", "October", "November", "December"]
LETTERS = sorted({*"".join(MONTHS), *"0123456789 ,.-/theofndrs"})
PADDING, START = 0, 1
NUMBER = {letter: i for i, letter in enumerate(LETTERS, start=2)}
READ_LENGTH, WRITTEN_LENGTH = 28, 10


def ordinal(day: int) -> str:
    """1st, 2nd, 3rd, ..."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{'th' if 11 <= day <= 13 else ending}"


def make_pair(numbers: random.Random) -> tuple[str, str]:
    """A date in one of many forms, and in the normal one."""
    year, month, day = numbers.randint(1900, 2099), numbers.randint(1, 12), numbers.randint(1, 28)
    name = MONTHS[month - 1]
    name = numbers.choice([name, name[:3], f"{name[:3]}."])
    forms = [
        f"{day} {name} {year}",
        f"{name} {day}, {year}",
        f"{name} {ordinal(day)}, {year}",
        f"the {ordinal(day)} of {name}, {year}",
        f"{day}.{month}.{year}",
        f"{month}/{day}/{year}",
    ]
    return numbers.choice(forms), f"{year}-{month:02}-{day:02}"


def encode(text: str, length: int) -> list[int]:
    """Letter numbers, filled up with padding."""
    return [NUMBER[letter] for letter in text] + [PADDING] * (length - len(text))


def make_batch(count: int, numbers: random.Random) -> tuple[rl.Tensor, rl.Tensor]:
    """Dates to read, and to write with a start in front, as letter numbers."""
    pairs = [make_pair(numbers) for _ in range(count)]
    read = rl.tensor([encode(given, READ_LENGTH) for given, _ in pairs])
    written = rl.tensor([[START, *encode(wanted, WRITTEN_LENGTH)] for _, wanted in pairs])
    return read, written


class Attention(nn.Module):
    """Each place of `x` looks at the places of `memory` that the mask allows."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: rl.Tensor, memory: rl.Tensor, mask: rl.Tensor) -> rl.Tensor:
        """(batch, places, width) to the same."""
        q, k, v = self.split(self.query(x)), self.split(self.key(memory)), self.value(memory)
        seen = F.scaled_dot_product_attention(q, k, self.split(v), attn_mask=mask)
        return self.out(seen.transpose(1, 2).flatten(2))

    def split(self, x: rl.Tensor) -> rl.Tensor:
        """(batch, places, width) to (batch, heads, places, width / heads)."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Layer(nn.Module):
    """Attention to itself; in the decoder to the encoder's result too; then a small network."""

    def __init__(self, width: int, heads: int, is_decoder: bool):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.self_attention = Attention(width, heads)
        if is_decoder:
            self.norm2 = nn.LayerNorm(width)
            self.cross_attention = Attention(width, heads)
        self.norm3 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width)
        )

    def forward(
        self,
        x: rl.Tensor,
        mask: rl.Tensor,
        memory: rl.Tensor | None = None,
        memory_mask: rl.Tensor | None = None,
    ) -> rl.Tensor:
        """(batch, places, width) to the same."""
        inner = self.norm1(x)
        x = x + self.self_attention(inner, inner, mask)
        if memory is not None:
            x = x + self.cross_attention(self.norm2(x), memory, memory_mask)
        return x + self.mlp(self.norm3(x))


class Transformer(nn.Module):
    """Letters read and letters written so far, to scores of the next letter to write."""

    def __init__(self, width: int = 64, heads: int = 4, layers: int = 2):
        super().__init__()
        letters = len(LETTERS) + 2
        self.letters = nn.Embedding(letters, width)
        self.read_places = nn.Embedding(READ_LENGTH, width)
        self.written_places = nn.Embedding(WRITTEN_LENGTH, width)
        self.encoder = nn.ModuleList([Layer(width, heads, False) for _ in range(layers)])
        self.decoder = nn.ModuleList([Layer(width, heads, True) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.memory_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, letters)

    def encode(self, read: rl.Tensor) -> tuple[rl.Tensor, rl.Tensor]:
        """What was read, and a mask of the places that hold letters."""
        mask = (read != PADDING)[:, None, None, :]
        x = self.letters(read) + self.read_places(rl.arange(read.shape[1]))
        for layer in self.encoder:
            x = layer(x, mask)
        return self.memory_norm(x), mask

    def decode(self, written: rl.Tensor, memory: rl.Tensor, mask: rl.Tensor) -> rl.Tensor:
        """Scores of the letter behind each place; no place sees what is written later."""
        places = written.shape[1]
        causal = rl.ones(places, places, dtype=rl.bool).tril()
        x = self.letters(written) + self.written_places(rl.arange(places))
        for layer in self.decoder:
            x = layer(x, causal, memory, mask)
        return self.head(self.norm(x))

    def forward(self, read: rl.Tensor, written: rl.Tensor) -> rl.Tensor:
        """(batch, places) letter numbers, both, to (batch, places, letters) scores."""
        return self.decode(written, *self.encode(read))

    @rl.no_grad()
    def translate(self, read: rl.Tensor) -> rl.Tensor:
        """The likeliest letters, written one after the other."""
        memory, mask = self.encode(read)
        written = rl.full((len(read), 1), START)
        for _ in range(WRITTEN_LENGTH):
            scores = self.decode(written, memory, mask)[:, -1]
            written = rl.cat([written, scores.argmax(dim=1, keepdim=True)], dim=1)
        return written


def train_step(
    model: Transformer, read: rl.Tensor, written: rl.Tensor, optimizer: optim.Optimizer
) -> float:
    """One step; its loss."""
    optimizer.zero_grad()
    scores = model(read, written[:, :-1])
    loss = F.cross_entropy(scores.flatten(0, 1), written[:, 1:].flatten())
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def accuracy(model: Transformer, count: int = 200) -> float:
    """Which part of dates that were not learned from it translates without a fault."""
    model.eval()
    read, written = make_batch(count, random.Random(-1))
    right = (model.translate(read) == written).all(dim=1).float().mean().item()
    model.train()
    return right


def show(model: Transformer, count: int = 5) -> None:
    """Print some dates and their translations."""
    numbers = random.Random(-2)
    pairs = [make_pair(numbers) for _ in range(count)]
    found = model.translate(rl.tensor([encode(given, READ_LENGTH) for given, _ in pairs]))
    for (given, _), row in zip(pairs, found[:, 1:].tolist(), strict=True):
        text = "".join(LETTERS[i - 2] if i >= 2 else "?" for i in row)
        print(f"{given:>{READ_LENGTH}} -> {text}")


def main(arguments: list[str] | None = None) -> float:
    """Train, show some translations, and return which part of new dates it gets right."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rl.manual_seed(options.seed)
    numbers = random.Random(options.seed)
    model = Transformer(options.width, options.heads, options.layers)
    optimizer = optim.AdamW(model.parameters(), lr=options.lr)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, options.lr, total_steps=options.steps)
    for step in range(1, options.steps + 1):
        loss = train_step(model, *make_batch(options.batch_size, numbers), optimizer)
        if step < options.steps:
            scheduler.step()
        if step % 250 == 0 or step == options.steps:
            print(f"step {step}: loss {loss:.4f}, new dates right {accuracy(model):.0%}")
    show(model)
    return accuracy(model)


if __name__ == "__main__":
    main()
