"""A small GPT that learns to write text letter by letter.

    python -m rushlight.examples.char_gpt --text FILE [--steps 1500]

Attention is written out: softmax(q @ k.T / sqrt(d) + mask) @ v (Vaswani et al., 2017, "Attention is
all you need"; layer order as in GPT-2, Radford et al., 2019).
"""

from __future__ import annotations

import argparse
import math
import time

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn, optim
from rushlight.data import DataLoader, TokenDataset
from rushlight.text import CharTokenizer


class CausalSelfAttention(nn.Module):
    """Every place looks at itself and at earlier places."""

    def __init__(self, width: int, heads: int, length: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)
        self.attn_dropout = nn.Dropout(dropout)
        self.resid_dropout = nn.Dropout(dropout)
        mask = rl.tril(rl.ones(length, length)).view(1, 1, length, length)
        self.register_buffer("bias", mask)

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        """(batch, time, width) to the same."""
        b, t, c = x.size()
        q, k, v = self.c_attn(x).split(c, dim=2)
        q, k, v = (
            part.view(b, t, self.heads, c // self.heads).transpose(1, 2) for part in (q, k, v)
        )
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.bias[:, :, :t, :t] == 0, float("-inf"))
        att = self.attn_dropout(F.softmax(att, dim=-1))
        y = (att @ v).transpose(1, 2).contiguous().view(b, t, c)
        return self.resid_dropout(self.c_proj(y))


class Block(nn.Module):
    """Attention and a small network, each added to what comes in."""

    def __init__(self, width: int, heads: int, length: int, dropout: float):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = CausalSelfAttention(width, heads, length, dropout)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict(
            {
                "c_fc": nn.Linear(width, 4 * width),
                "c_proj": nn.Linear(4 * width, width),
                "act": nn.GELU(),
                "dropout": nn.Dropout(dropout),
            }
        )

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        """(batch, time, width) to the same."""
        x = x + self.attn(self.ln_1(x))
        m = self.mlp
        return x + m["dropout"](m["c_proj"](m["act"](m["c_fc"](self.ln_2(x)))))


class GPT(nn.Module):
    """Embeddings, blocks, and a linear layer to the letters."""

    def __init__(
        self, letters: int, width: int, heads: int, layers: int, length: int, dropout: float = 0.0
    ):
        super().__init__()
        self.length = length
        self.wte = nn.Embedding(letters, width)
        self.wpe = nn.Embedding(length, width)
        self.drop = nn.Dropout(dropout)
        self.h = nn.ModuleList([Block(width, heads, length, dropout) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, letters, bias=False)
        self.apply(self._init_weights)
        for name, parameter in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(parameter, mean=0.0, std=0.02 / math.sqrt(2 * layers))

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, mean=0.0, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(
        self, idx: rl.Tensor, targets: rl.Tensor | None = None
    ) -> tuple[rl.Tensor, rl.Tensor | None]:
        """Scores of the next letter at every place, and the loss if the targets are given."""
        _, t = idx.size()
        pos = rl.arange(0, t, dtype=rl.long).unsqueeze(0)
        x = self.drop(self.wte(idx) + self.wpe(pos))
        for block in self.h:
            x = block(x)
        logits = self.lm_head(self.ln_f(x))
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))
        return logits, loss

    @rl.no_grad()
    def generate(
        self, idx: rl.Tensor, count: int, temperature: float = 1.0, top_k: int = 10
    ) -> rl.Tensor:
        """`idx` continued by `count` letters drawn from the network's probabilities."""
        for _ in range(count):
            logits, _ = self(idx[:, -self.length :])
            logits = logits[:, -1, :] / temperature
            v, _ = rl.topk(logits, top_k)
            logits[logits < v[:, [-1]]] = -float("inf")
            chosen = rl.multinomial(F.softmax(logits, dim=-1), num_samples=1)
            idx = rl.cat((idx, chosen), dim=1)
        return idx


def weight_groups(model: nn.Module) -> list[dict]:
    """Matrices decay, vectors do not."""
    decay = [p for p in model.parameters() if p.dim() >= 2]
    rest = [p for p in model.parameters() if p.dim() < 2]
    return [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]


def main(arguments: list[str] | None = None) -> float:
    """Train, show a sample, and return the mean loss of the last 50 steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", required=True, help="a file of plain text")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=12)
    parser.add_argument("--length", type=int, default=64)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1337)
    options = parser.parse_args(arguments)
    rl.manual_seed(options.seed)
    with open(options.text, encoding="utf-8") as file:
        text = file.read()
    letters = CharTokenizer.of(text)
    data = TokenDataset(letters.encode(text), options.length, stride=1)
    sizes = options.width, options.heads, options.layers, options.length
    model = GPT(len(letters), *sizes)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} million parameters")
    optimizer = optim.AdamW(weight_groups(model), lr=options.lr, betas=(0.9, 0.95))
    loader = DataLoader(data, batch_size=options.batch_size, shuffle=True)
    losses: list[float] = []
    start = time.time()
    for step, (x, y) in enumerate(loader):
        if step == options.steps:
            break
        _, loss = model(x, y)
        model.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if step % 100 == 0:
            print(f"step {step}: loss {losses[-1]:.4f} after {time.time() - start:.0f} s")
    last = sum(losses[-50:]) / len(losses[-50:])
    print(f"mean loss of the last {len(losses[-50:])} steps: {last:.4f}")
    model.eval()
    first = rl.zeros(1, 1, dtype=rl.long)
    print(letters.decode(model.generate(first, 200)[0]))
    return last


if __name__ == "__main__":
    main()
