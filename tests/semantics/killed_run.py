"""Trains, saving everything after each step: python killed_run.py FOLDER."""

import random
import sys
from pathlib import Path

import rushlight as rl
from rushlight import nn
from rushlight.data import DataLoader, Dataset

EPOCHS = 6


class Noisy(Dataset):
    """Augments with every kind of random number."""

    def __len__(self):
        return 22

    def __getitem__(self, index):
        x = rl.full((4,), float(index)) / 22 + 0.1 * rl.randn(4)
        return x + random.random(), x.sum()


def main(folder):
    rl.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.ReLU(), nn.Linear(8, 1))
    optimizer = rl.optim.Adam(model.parameters(), lr=0.01)
    loader = DataLoader(Noisy(), batch_size=4, shuffle=True)
    checkpoint = folder / "checkpoint.rl"
    if checkpoint.exists():
        saved = rl.load(checkpoint)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        rl.set_rng_state(saved["random"])
        loader.load_state_dict(saved["loader"])
    while loader.state_dict()["epoch"] < EPOCHS:
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x)[:, 0], y).backward()
            optimizer.step()
            rl.save(
                {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "random": rl.get_rng_state(),
                    "loader": loader.state_dict(),
                },
                checkpoint,
            )
            sys.stdout.write("saved\n")
            sys.stdout.flush()
    weights = [parameter.detach().numpy().tobytes() for parameter in model.parameters()]
    (folder / "weights").write_bytes(b"".join(weights))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
