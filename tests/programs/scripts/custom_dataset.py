import random

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import ConcatDataset, DataLoader, Dataset, IterableDataset, Subset
from torch.utils.data import random_split
from torch.utils.data.sampler import SubsetRandomSampler, WeightedRandomSampler


class Words(Dataset):
    def __init__(self, count, transform=None):
        self.rows = [torch.arange(1, 2 + i % 5) for i in range(count)]
        self.transform = transform

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, idx):
        if torch.is_tensor(idx):
            idx = idx.tolist()
        row = self.rows[idx]
        return {"tokens": row if self.transform is None else self.transform(row), "label": idx % 2}


class Stream(IterableDataset):
    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        start, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(start, 10, step))


def collate(batch):
    lengths = torch.tensor([len(item["tokens"]) for item in batch])
    tokens = pad_sequence([item["tokens"] for item in batch], batch_first=True, padding_value=0)
    labels = torch.LongTensor([item["label"] for item in batch])
    return tokens, lengths, labels


def seed_worker(worker_id):
    worker_seed = torch.initial_seed() % 2**32
    np.random.seed(worker_seed)
    random.seed(worker_seed)


g = torch.Generator()
g.manual_seed(0)
dataset = Words(10, transform=lambda row: row * 10)
options = {"batch_size": 4, "collate_fn": collate, "worker_init_fn": seed_worker, "generator": g}
for tokens, lengths, labels in DataLoader(dataset, shuffle=True, pin_memory=False, **options):
    assert tokens.shape == (len(labels), int(lengths.max()))
    assert (tokens != 0).sum(1).equal(lengths)
    print(tokens.dtype, labels.dtype, len(labels))
train_set, test_set = random_split(dataset, [7, 3], generator=torch.Generator().manual_seed(42))
print(len(train_set), len(test_set), len(ConcatDataset([train_set, Subset(dataset, [0, 1])])))
sampler = WeightedRandomSampler([0.0] * 5 + [1.0] * 5, num_samples=20, replacement=True)
seen = [i for i in sampler]
print("weighted", min(seen) >= 5, len(seen))
print("subset", sorted(SubsetRandomSampler([1, 3, 5])))
print("stream", sorted(torch.cat(list(DataLoader(Stream(), batch_size=3))).tolist()))
first = next(iter(DataLoader([(np.float32(i), {"n": [i, i]}) for i in range(4)], batch_size=4)))
print(first[0].dtype, first[1]["n"][0].tolist())
