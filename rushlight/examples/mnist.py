"""Handwritten digits of MNIST by a small convolutional network.

    python -m rushlight.examples.mnist --data FOLDER [--epochs 5]

FOLDER holds the IDX files of MNIST's test set (`t10k-images-idx3-ubyte.gz` and its labels), of
which 8,000 images train the network and 2,000 check it.  The program is written as one writes it
for PyTorch: two 3x3 convolutions, pooling, dropout, two linear layers, log_softmax and nll_loss.
"""

from __future__ import annotations

import argparse

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn, optim
from rushlight.data import DataLoader, Subset
from rushlight.vision.datasets import MNIST
from rushlight.vision.transforms import Compose, Normalize, ToTensor


class Net(nn.Module):
    """Two convolutions and two linear layers."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1)
        self.conv2 = nn.Conv2d(32, 64, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        """Log-probabilities of the ten digits."""
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = self.dropout1(F.max_pool2d(x, 2))
        x = F.relu(self.fc1(rl.flatten(x, 1)))
        return F.log_softmax(self.fc2(self.dropout2(x)), dim=1)


def train(model: nn.Module, loader: DataLoader, optimizer: optim.Optimizer, epoch: int) -> None:
    """One pass over the training images."""
    model.train()
    for step, (data, target) in enumerate(loader):
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
        if step % 25 == 0:
            print(f"epoch {epoch} [{step * len(data)}/{len(loader.dataset)}] {loss.item():.4f}")


@rl.no_grad()
def test(model: nn.Module, loader: DataLoader) -> float:
    """The part of the images that the network names right."""
    model.eval()
    loss, correct = 0.0, 0
    for data, target in loader:
        output = model(data)
        loss += F.nll_loss(output, target, reduction="sum").item()
        guess = output.argmax(dim=1, keepdim=True)
        correct += guess.eq(target.view_as(guess)).sum().item()
    total = len(loader.dataset)
    print(f"held out: loss {loss / total:.4f}, accuracy {correct}/{total}")
    return correct / total


def main(arguments: list[str] | None = None) -> float:
    """Train, test, and return the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with MNIST's IDX files")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    rl.manual_seed(options.seed)
    prepare = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])
    images = MNIST(options.data, train=False, transform=prepare)
    learned, held_out = Subset(images, range(8000)), Subset(images, range(8000, 10000))
    train_loader = DataLoader(learned, batch_size=options.batch_size, shuffle=True)
    test_loader = DataLoader(held_out, batch_size=1000)
    model = Net()
    optimizer = optim.Adam(model.parameters(), lr=options.lr)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    accuracy = 0.0
    for epoch in range(1, options.epochs + 1):
        train(model, train_loader, optimizer, epoch)
        accuracy = test(model, test_loader)
        scheduler.step()
    return accuracy


if __name__ == "__main__":
    main()
