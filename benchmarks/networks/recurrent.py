"""A language model with one LSTM layer (Hochreiter and Schmidhuber, 1997)."""

from __future__ import annotations

from networks.framework import F, framework, nn


class CellByCell(nn.Module):
    """What nn.LSTM(batch_first=True) computes, one place after the other, by its names."""

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.hidden = hidden
        self.weight_ih_l0 = nn.Parameter(framework.zeros(4 * hidden, inputs))
        self.weight_hh_l0 = nn.Parameter(framework.zeros(4 * hidden, hidden))
        self.bias_ih_l0 = nn.Parameter(framework.zeros(4 * hidden))
        self.bias_hh_l0 = nn.Parameter(framework.zeros(4 * hidden))

    def forward(self, x):
        h = c = framework.zeros(x.size(0), self.hidden)
        gates = F.linear(x, self.weight_ih_l0, self.bias_ih_l0)
        outputs = []
        for t in range(x.size(1)):
            both = gates[:, t] + F.linear(h, self.weight_hh_l0, self.bias_hh_l0)
            i, f, g, o = both.chunk(4, dim=1)
            c = framework.sigmoid(f) * c + framework.sigmoid(i) * framework.tanh(g)
            h = framework.sigmoid(o) * framework.tanh(c)
            outputs.append(h)
        return framework.stack(outputs, dim=1), (h, c)


class LanguageModel(nn.Module):
    """Words so far to the scores of the next one; nn.LSTM where the framework has it."""

    def __init__(self, vocabulary: int, width: int, hidden: int):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        if hasattr(nn, "LSTM"):
            self.recurrent = nn.LSTM(width, hidden, batch_first=True)
        else:
            self.recurrent = CellByCell(width, hidden)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, words):
        outputs, _ = self.recurrent(self.words(words))
        return self.head(outputs)


def network(**sizes) -> nn.Module:
    return LanguageModel(**sizes)


def loss(model: nn.Module, words, following):
    scores = model(words)
    return F.cross_entropy(scores.flatten(0, 1), following.flatten())
