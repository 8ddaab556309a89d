"""VGG: Simonyan and Zisserman, "Very deep convolutional networks", ICLR 2015.

Names, arguments and `state_dict` keys are torchvision's, so that its weights fit.
"""

from __future__ import annotations

from typing import Any

from rushlight import nn
from rushlight.tensor import Tensor
from rushlight.vision.models.weights import refuse_weights

CONFIGURATIONS: dict[str, list[list[int]]] = {
    "A": [[64], [128], [256] * 2, [512] * 2, [512] * 2],
    "B": [[64] * 2, [128] * 2, [256] * 2, [512] * 2, [512] * 2],
    "D": [[64] * 2, [128] * 2, [256] * 3, [512] * 3, [512] * 3],
    "E": [[64] * 2, [128] * 2, [256] * 4, [512] * 4, [512] * 4],
}
"""The channels of each convolution, by the paper's letters; pooling follows each group."""


class VGG(nn.Module):
    """Convolutions of 3x3 and three linear layers: (N, 3, H, W) images to (N, num_classes) logits.

    `features` gives images of 512 channels, as `make_layers` does.
    """

    def __init__(
        self,
        features: nn.Module,
        num_classes: int = 1000,
        init_weights: bool = True,
        dropout: float = 0.5,
    ):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.constant_(module.bias, 0)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.constant_(module.weight, 1)
                nn.init.constant_(module.bias, 0)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
                nn.init.constant_(module.bias, 0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) images to (N, num_classes) logits."""
        x = self.avgpool(self.features(x))
        return self.classifier(x.flatten(1))


def make_layers(groups: list[list[int]], batch_norm: bool = False) -> nn.Sequential:
    """Groups of 3x3 convolutions, each convolution with a ReLU, each group with a pooling."""
    layers: list[nn.Module] = []
    channels = 3
    for group in groups:
        for width in group:
            layers.append(nn.Conv2d(channels, width, kernel_size=3, padding=1))
            if batch_norm:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.ReLU(inplace=True))
            channels = width
        layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*layers)


def _vgg(letter: str, batch_norm: bool, weights: Any, options: dict[str, Any]) -> VGG:
    refuse_weights(weights)
    return VGG(make_layers(CONFIGURATIONS[letter], batch_norm), **options)


def vgg11(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-11: 132.9 million parameters; `kwargs` go to VGG.

    NotImplementedError for weights other than None; `progress` is accepted.
    """
    return _vgg("A", False, weights, kwargs)


def vgg11_bn(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-11 with batch normalisation; arguments as for `vgg11`."""
    return _vgg("A", True, weights, kwargs)


def vgg13(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-13: 133.0 million parameters; arguments as for `vgg11`."""
    return _vgg("B", False, weights, kwargs)


def vgg13_bn(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-13 with batch normalisation; arguments as for `vgg11`."""
    return _vgg("B", True, weights, kwargs)


def vgg16(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-16: 138.4 million parameters; arguments as for `vgg11`."""
    return _vgg("D", False, weights, kwargs)


def vgg16_bn(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-16 with batch normalisation; arguments as for `vgg11`."""
    return _vgg("D", True, weights, kwargs)


def vgg19(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-19: 143.7 million parameters; arguments as for `vgg11`."""
    return _vgg("E", False, weights, kwargs)


def vgg19_bn(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-19 with batch normalisation; arguments as for `vgg11`."""
    return _vgg("E", True, weights, kwargs)
