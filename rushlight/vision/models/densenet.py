"""DenseNets: Huang et al., "Densely connected convolutional networks", CVPR 2017.

Names, arguments and `state_dict` keys are torchvision's, so that its weights fit.
"""

from __future__ import annotations

from typing import Any

import rushlight.nn.functional as F
from rushlight import nn
from rushlight.ops.join import cat
from rushlight.tensor import Tensor
from rushlight.utils.checkpoint import checkpoint
from rushlight.vision.models.weights import refuse_weights


class _DenseLayer(nn.Module):
    """1x1 and 3x3 convolutions of all features so far, which give `growth_rate` new ones."""

    def __init__(
        self,
        num_input_features: int,
        growth_rate: int,
        bn_size: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ):
        super().__init__()
        width = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, width, kernel_size=1, stride=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, growth_rate, kernel_size=3, stride=1, padding=1, bias=False)
        self.drop_rate = float(drop_rate)
        self.memory_efficient = memory_efficient

    def _narrow(self, *features: Tensor) -> Tensor:
        return self.conv1(self.relu1(self.norm1(cat(features, 1))))

    def forward(self, input: Tensor | list[Tensor]) -> Tensor:
        """(N, num_input_features, H, W) images, in parts or whole, to (N, growth_rate, H, W)."""
        features = [input] if isinstance(input, Tensor) else input
        if self.memory_efficient and any(part.requires_grad for part in features):
            narrow = checkpoint(self._narrow, *features, use_reentrant=False)
        else:
            narrow = self._narrow(*features)
        new = self.conv2(self.relu2(self.norm2(narrow)))
        if self.drop_rate > 0:
            new = F.dropout(new, p=self.drop_rate, training=self.training)
        return new


class _DenseBlock(nn.ModuleDict):
    """Layers that each see what came in and what all layers before gave."""

    def __init__(
        self,
        num_layers: int,
        num_input_features: int,
        bn_size: int,
        growth_rate: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ):
        super().__init__()
        for number in range(num_layers):
            width = num_input_features + number * growth_rate
            layer = _DenseLayer(width, growth_rate, bn_size, drop_rate, memory_efficient)
            self.add_module(f"denselayer{number + 1}", layer)

    def forward(self, init_features: Tensor) -> Tensor:
        """(N, C, H, W) images to (N, C + num_layers * growth_rate, H, W) ones."""
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return cat(features, 1)


class _Transition(nn.Sequential):
    """Fewer channels, and images of half the size."""

    def __init__(self, num_input_features: int, num_output_features: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, 1, stride=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(nn.Module):
    """(N, 3, H, W) images to (N, num_classes) logits.

    `block_config` says how many layers each block has, `growth_rate` how many channels a layer
    adds.  With `memory_efficient` the parts of a layer's input are joined again in backward
    instead of being kept.
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: tuple[int, ...] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ):
        super().__init__()
        width = num_init_features
        self.features = nn.Sequential()
        self.features.conv0 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.features.norm0 = nn.BatchNorm2d(width)
        self.features.relu0 = nn.ReLU(inplace=True)
        self.features.pool0 = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        for number, layers in enumerate(block_config, start=1):
            block = _DenseBlock(layers, width, bn_size, growth_rate, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{number}", block)
            width += layers * growth_rate
            if number != len(block_config):
                self.features.add_module(f"transition{number}", _Transition(width, width // 2))
                width //= 2
        self.features.norm5 = nn.BatchNorm2d(width)
        self.classifier = nn.Linear(width, num_classes)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.constant_(module.weight, 1)
                nn.init.constant_(module.bias, 0)
            elif isinstance(module, nn.Linear):
                nn.init.constant_(module.bias, 0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) images to (N, num_classes) logits."""
        x = F.relu(self.features(x), inplace=True)
        return self.classifier(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


def _densenet(
    growth: int, blocks: tuple[int, ...], width: int, weights: Any, options: dict[str, Any]
) -> DenseNet:
    refuse_weights(weights)
    return DenseNet(growth, blocks, width, **options)


def densenet121(*, weights: None = None, progress: bool = True, **kwargs: Any) -> DenseNet:
    """DenseNet-121: 8.0 million parameters; `kwargs` go to DenseNet.

    NotImplementedError for weights other than None; `progress` is accepted.
    """
    return _densenet(32, (6, 12, 24, 16), 64, weights, kwargs)


def densenet161(*, weights: None = None, progress: bool = True, **kwargs: Any) -> DenseNet:
    """DenseNet-161: 28.7 million parameters; arguments as for `densenet121`."""
    return _densenet(48, (6, 12, 36, 24), 96, weights, kwargs)


def densenet169(*, weights: None = None, progress: bool = True, **kwargs: Any) -> DenseNet:
    """DenseNet-169: 14.1 million parameters; arguments as for `densenet121`."""
    return _densenet(32, (6, 12, 32, 32), 64, weights, kwargs)


def densenet201(*, weights: None = None, progress: bool = True, **kwargs: Any) -> DenseNet:
    """DenseNet-201: 20.0 million parameters; arguments as for `densenet121`."""
    return _densenet(32, (6, 12, 48, 32), 64, weights, kwargs)
