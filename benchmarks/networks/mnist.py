"""The network of PyTorch's examples/mnist: two convolutions, pooling, two linear layers.

Dropout is left out, so that two frameworks can be compared number by number.
"""

from __future__ import annotations

from networks.framework import F, nn


class Net(nn.Module):
    """Images of one channel to log-probabilities of classes."""

    def __init__(self, classes: int, channels: tuple[int, int], hidden: int, size: int):
        super().__init__()
        first, second = channels
        self.conv1 = nn.Conv2d(1, first, 3, 1)
        self.conv2 = nn.Conv2d(first, second, 3, 1)
        self.fc1 = nn.Linear(second * ((size - 4) // 2) ** 2, hidden)
        self.fc2 = nn.Linear(hidden, classes)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.max_pool2d(x, 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return F.log_softmax(self.fc2(x), dim=1)


def network(**sizes) -> nn.Module:
    return Net(**sizes)


def loss(model: nn.Module, images, labels):
    return F.nll_loss(model(images), labels)
