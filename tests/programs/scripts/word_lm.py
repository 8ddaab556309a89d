import math
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class Dictionary(object):
    def __init__(self):
        self.word2idx = {}
        self.idx2word = []

    def add_word(self, word):
        if word not in self.word2idx:
            self.idx2word.append(word)
            self.word2idx[word] = len(self.idx2word) - 1
        return self.word2idx[word]

    def __len__(self):
        return len(self.idx2word)


class RNNModel(nn.Module):
    def __init__(self, rnn_type, ntoken, ninp, nhid, nlayers, dropout=0.2, tie_weights=False):
        super().__init__()
        self.ntoken = ntoken
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = getattr(nn, rnn_type)(ninp, nhid, nlayers, dropout=dropout)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie_weights:
            self.decoder.weight = self.encoder.weight
        initrange = 0.1
        nn.init.uniform_(self.encoder.weight, -initrange, initrange)
        nn.init.zeros_(self.decoder.bias)
        self.rnn_type, self.nhid, self.nlayers = rnn_type, nhid, nlayers

    def forward(self, input, hidden):
        emb = self.drop(self.encoder(input))
        output, hidden = self.rnn(emb, hidden)
        decoded = self.decoder(self.drop(output)).view(-1, self.ntoken)
        return F.log_softmax(decoded, dim=1), hidden

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        if self.rnn_type == "LSTM":
            shape = (self.nlayers, bsz, self.nhid)
            return weight.new_zeros(shape), weight.new_zeros(*shape)
        return weight.new_zeros(self.nlayers, bsz, self.nhid)


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    return data.narrow(0, 0, nbatch * bsz).view(bsz, -1).t().contiguous()


def repackage_hidden(h):
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


def get_batch(source, i, bptt=8):
    seq_len = min(bptt, len(source) - 1 - i)
    return source[i : i + seq_len], source[i + 1 : i + 1 + seq_len].view(-1)


def evaluate(model, source, criterion):
    model.eval()
    total_loss, hidden = 0.0, model.init_hidden(source.size(1))
    with torch.no_grad():
        for i in range(0, source.size(0) - 1, 8):
            data, targets = get_batch(source, i)
            output, hidden = model(data, hidden)
            hidden = repackage_hidden(hidden)
            total_loss += len(data) * criterion(output, targets).item()
    return total_loss / (len(source) - 1)


def train(model, source, criterion, lr):
    model.train()
    hidden, start_time = model.init_hidden(source.size(1)), time.time()
    for i in range(0, source.size(0) - 1, 8):
        data, targets = get_batch(source, i)
        model.zero_grad()
        hidden = repackage_hidden(hidden)
        output, hidden = model(data, hidden)
        criterion(output, targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
    return time.time() - start_time


def main():
    torch.manual_seed(1111)
    device = torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")
    words = ("the pith of a rush dipped in fat gives light <eos> " * 12).split()
    dictionary = Dictionary()
    ids = torch.tensor([dictionary.add_word(word) for word in words]).type(torch.int64)
    source = batchify(ids, 4).to(device)
    criterion = nn.NLLLoss()
    for kind in ("LSTM", "GRU"):
        model = RNNModel(kind, len(dictionary), 12, 12, 2, tie_weights=True).to(device)
        model.rnn.flatten_parameters()
        before, lr, best = evaluate(model, source, criterion), 2.0, None
        for _ in range(5):
            train(model, source, criterion, lr)
            val_loss = evaluate(model, source, criterion)
            if not best or val_loss < best:
                with open("model.pt", "wb") as f:
                    torch.save(model.state_dict(), f)
                best = val_loss
            else:
                lr /= 4.0
        with open("model.pt", "rb") as f:
            model.load_state_dict(torch.load(f, map_location=device))
        print(kind, "ppl falls", math.exp(best) < math.exp(before))


if __name__ == "__main__":
    main()
