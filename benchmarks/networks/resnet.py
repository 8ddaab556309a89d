"""ResNet-18 (He et al., 2016): with a 3x3 stem for small images, or the 7x7 stem for large ones."""

from __future__ import annotations

from networks.framework import F, nn


class Block(nn.Module):
    """Two 3x3 convolutions, and the way around them."""

    def __init__(self, before: int, channels: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.around = nn.Sequential()
        if stride != 1 or before != channels:
            self.around = nn.Sequential(
                nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.around(x))


class ResNet18(nn.Module):
    """Images to the scores of classes; `width` channels in the first stage."""

    def __init__(self, classes: int, width: int = 64, large: bool = False):
        super().__init__()
        stem = (7, 2, 3) if large else (3, 1, 1)
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, *stem, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.pool = nn.MaxPool2d(3, 2, 1) if large else nn.Identity()
        blocks, before = [], width
        for stage in range(4):
            channels = width << stage
            blocks += [Block(before, channels, 1 + (stage > 0)), Block(channels, channels, 1)]
            before = channels
        self.blocks = nn.Sequential(*blocks)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(before, classes)

    def forward(self, x):
        x = self.average(self.blocks(self.pool(self.stem(x))))
        return self.head(x.flatten(1))


def network(**sizes) -> nn.Module:
    return ResNet18(**sizes)


def loss(model: nn.Module, images, labels):
    return F.cross_entropy(model(images), labels)
