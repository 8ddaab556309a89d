"""A small network of inception modules (Szegedy et al., 2015, "Going deeper with convolutions")."""

from __future__ import annotations

from networks.framework import F, framework, nn


class Convolution(nn.Module):
    """Convolution, batch norm and ReLU; the size of images is kept."""

    def __init__(self, before: int, channels: int, kernel: int):
        super().__init__()
        self.conv = nn.Conv2d(before, channels, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Inception(nn.Module):
    """Four branches side by side: 1x1, 3x3, 5x5 and pooling, joined by channels."""

    def __init__(self, before: int, one: int, three: tuple, five: tuple, pooled: int):
        super().__init__()
        self.one = Convolution(before, one, 1)
        self.three = nn.Sequential(
            Convolution(before, three[0], 1), Convolution(three[0], three[1], 3)
        )
        self.five = nn.Sequential(Convolution(before, five[0], 1), Convolution(five[0], five[1], 5))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), Convolution(before, pooled, 1))
        self.channels = one + three[1] + five[1] + pooled

    def forward(self, x):
        return framework.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], dim=1)


class GoogLeNet(nn.Module):
    """Images to the scores of classes: a convolution, three stages of inception modules."""

    def __init__(self, classes: int):
        super().__init__()
        self.stem = Convolution(3, 64, 3)
        self.a = Inception(64, 32, (32, 64), (8, 16), 16)
        self.b = Inception(128, 64, (48, 96), (16, 48), 32)
        self.c = Inception(240, 96, (48, 104), (8, 24), 32)
        self.d = Inception(256, 128, (64, 128), (16, 32), 32)
        self.e = Inception(320, 160, (80, 160), (16, 64), 64)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(self.e.channels, classes)

    def forward(self, x):
        x = self.pool(self.stem(x))
        x = self.pool(self.b(self.a(x)))
        x = self.e(self.d(self.c(x)))
        return self.head(self.average(x).flatten(1))


def network(**sizes) -> nn.Module:
    return GoogLeNet(**sizes)


def loss(model: nn.Module, images, labels):
    return F.cross_entropy(model(images), labels)
