"""GoogLeNet: Szegedy et al., "Going deeper with convolutions", CVPR 2015, table 1.

With batch normalisation after each convolution.  Names, arguments and `state_dict` keys are
torchvision's, so that its weights fit; as there, the convolutions that the paper has as 5x5 are
3x3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import rushlight.nn.functional as F
from rushlight import nn
from rushlight.ops.join import cat, stack
from rushlight.tensor import Tensor
from rushlight.vision.models.weights import refuse_weights

SIZES = {
    # of an Inception block: in; 1x1; 3x3 reduced, 3x3; 5x5 reduced, 5x5; after pooling
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}


class GoogLeNetOutputs(NamedTuple):
    """What a GoogLeNet with auxiliary classifiers returns while it is trained."""

    logits: Tensor
    aux_logits2: Tensor | None
    aux_logits1: Tensor | None


class BasicConv2d(nn.Module):
    """A convolution, its norm and a ReLU; further arguments go to the convolution."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) images to (N, out_channels, ...) ones."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    """Four ways beside each other: 1x1, 3x3 and two 3x3 convolutions, and pooling."""

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
    ):
        super().__init__()
        self.branch1 = BasicConv2d(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            BasicConv2d(in_channels, ch3x3red, kernel_size=1),
            BasicConv2d(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(in_channels, ch5x5red, kernel_size=1),
            BasicConv2d(ch5x5red, ch5x5, kernel_size=3, padding=1),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
            BasicConv2d(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images of `in_channels` to ones of as many channels as all four ways give."""
        ways = self.branch1, self.branch2, self.branch3, self.branch4
        return cat([way(x) for way in ways], 1)


class InceptionAux(nn.Module):
    """A classifier on inner features, which brings gradients to early layers."""

    def __init__(self, in_channels: int, num_classes: int, dropout: float = 0.7):
        super().__init__()
        self.conv = BasicConv2d(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(p=dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) features to (N, num_classes) logits."""
        x = self.conv(F.adaptive_avg_pool2d(x, (4, 4))).flatten(1)
        return self.fc2(self.dropout(F.relu(self.fc1(x), inplace=True)))


class GoogLeNet(nn.Module):
    """(N, 3, H, W) images to (N, num_classes) logits; in training GoogLeNetOutputs.

    Without `aux_logits` it is logits alone.  `transform_input` takes images normalised as for the
    ResNets to the range that the weights of the paper want.  `init_weights=False` leaves PyTorch's
    usual first values.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ):
        super().__init__()
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.conv1 = BasicConv2d(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = BasicConv2d(64, 64, kernel_size=1)
        self.conv3 = BasicConv2d(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = Inception(*SIZES["3a"])
        self.inception3b = Inception(*SIZES["3b"])
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(*SIZES["4a"])
        self.inception4b = Inception(*SIZES["4b"])
        self.inception4c = Inception(*SIZES["4c"])
        self.inception4d = Inception(*SIZES["4d"])
        self.inception4e = Inception(*SIZES["4e"])
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = Inception(*SIZES["5a"])
        self.inception5b = Inception(*SIZES["5b"])
        self.aux1 = InceptionAux(512, num_classes, dropout_aux) if aux_logits else None
        self.aux2 = InceptionAux(528, num_classes, dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_weights or init_weights is None:
            self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(module.weight, mean=0.0, std=0.01, a=-2, b=2)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.constant_(module.weight, 1)
                nn.init.constant_(module.bias, 0)

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutputs:
        """(N, 3, H, W) images to (N, num_classes) logits, or to GoogLeNetOutputs."""
        asks_aux = self.training and self.aux_logits
        if self.transform_input:
            x = transformed(x)
        x = self.conv3(self.conv2(self.maxpool1(self.conv1(x))))
        x = self.inception3b(self.inception3a(self.maxpool2(x)))
        x = self.inception4a(self.maxpool3(x))
        aux1 = self.aux1(x) if asks_aux else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2 = self.aux2(x) if asks_aux else None
        x = self.maxpool4(self.inception4e(x))
        x = self.inception5b(self.inception5a(x))
        logits = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return GoogLeNetOutputs(logits, aux2, aux1) if asks_aux else logits


def transformed(x: Tensor) -> Tensor:
    """Images normalised by ImageNet's means and deviations, as if by 0.5 and 0.5."""
    means, deviations = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    channels = [
        x[:, number] * (deviation / 0.5) + (mean - 0.5) / 0.5
        for number, (mean, deviation) in enumerate(zip(means, deviations, strict=True))
    ]
    return stack(channels, 1)


def googlenet(*, weights: None = None, progress: bool = True, **kwargs: Any) -> GoogLeNet:
    """GoogLeNet: 6.6 million parameters, and 6.4 of its auxiliary classifiers.

    `kwargs` go to GoogLeNet.  NotImplementedError for weights other than None; `progress` is
    accepted.
    """
    refuse_weights(weights)
    return GoogLeNet(**kwargs)
