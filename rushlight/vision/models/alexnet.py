"""AlexNet: Krizhevsky, "One weird trick for parallelizing convolutional networks", 2014.

Names, arguments and `state_dict` keys are torchvision's, so that its weights fit.
"""

from __future__ import annotations

from typing import Any

from rushlight import nn
from rushlight.tensor import Tensor
from rushlight.vision.models.weights import refuse_weights


class AlexNet(nn.Module):
    """Five convolutions and three linear layers: (N, 3, H, W) images to (N, num_classes) logits.

    Images are 224 pixels wide and high, and at least 63.
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) images to (N, num_classes) logits."""
        x = self.avgpool(self.features(x))
        return self.classifier(x.flatten(1))


def alexnet(*, weights: None = None, progress: bool = True, **kwargs: Any) -> AlexNet:
    """AlexNet: 61.1 million parameters; `kwargs` go to AlexNet.

    NotImplementedError for weights other than None; `progress` is accepted.
    """
    refuse_weights(weights)
    return AlexNet(**kwargs)
