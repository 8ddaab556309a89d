"""MobileNetV2: Sandler et al., "Inverted residuals and linear bottlenecks", CVPR 2018.

Names, arguments and `state_dict` keys are torchvision's, so that its weights fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight import nn
from rushlight.tensor import Tensor
from rushlight.vision.models.weights import refuse_weights

Norm = Callable[[int], nn.Module]

SETTING = [
    # expansion, channels, blocks, stride of the first
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
]
"""Table 2 of the paper."""


class Conv2dNormActivation(nn.Sequential):
    """A convolution that keeps the size of images, but for its stride; its norm; ReLU6."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        groups: int = 1,
        norm_layer: Norm = nn.BatchNorm2d,
    ):
        padding = (kernel_size - 1) // 2
        super().__init__(
            nn.Conv2d(
                *(in_channels, out_channels, kernel_size, stride, padding),
                groups=groups,
                bias=False,
            ),
            norm_layer(out_channels),
            nn.ReLU6(inplace=True),
        )
        self.out_channels = out_channels


class InvertedResidual(nn.Module):
    """To many channels, a 3x3 convolution of each by itself, and back to few without a ReLU.

    The way around it is there where the shape stays.  ValueError for strides other than 1 and 2.
    """

    def __init__(
        self,
        inp: int,
        oup: int,
        stride: int,
        expand_ratio: int,
        norm_layer: Norm | None = None,
    ):
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        norm_layer = norm_layer or nn.BatchNorm2d
        self.stride = stride
        self.out_channels = oup
        self.use_res_connect = stride == 1 and inp == oup
        hidden = round(inp * expand_ratio)
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, hidden, 1, norm_layer=norm_layer))
        each = Conv2dNormActivation(
            hidden, hidden, stride=stride, groups=hidden, norm_layer=norm_layer
        )
        back = nn.Conv2d(hidden, oup, 1, 1, 0, bias=False)
        self.conv = nn.Sequential(*layers, each, back, norm_layer(oup))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inp, H, W) images to (N, oup, H / stride, W / stride) ones."""
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """(N, 3, H, W) images to (N, num_classes) logits.

    `width_mult` scales the channels, which stay multiples of `round_nearest`.
    `inverted_residual_setting` has a row for each stage: expansion, channels, blocks, stride.
    ValueError for rows of another length.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: list[list[int]] | None = None,
        round_nearest: int = 8,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Norm | None = None,
        dropout: float = 0.2,
    ):
        super().__init__()
        block = block or InvertedResidual
        norm_layer = norm_layer or nn.BatchNorm2d
        setting = SETTING if inverted_residual_setting is None else inverted_residual_setting
        if len(setting) == 0 or len(setting[0]) != 4:
            raise ValueError(
                "inverted_residual_setting should be non-empty or a 4-element list, got "
                f"{inverted_residual_setting}"
            )
        channels = _make_divisible(32 * width_mult, round_nearest)
        self.last_channel = _make_divisible(1280 * max(1.0, width_mult), round_nearest)
        features: list[nn.Module] = [
            Conv2dNormActivation(3, channels, stride=2, norm_layer=norm_layer)
        ]
        for expansion, width, blocks, stride in setting:
            width = _make_divisible(width * width_mult, round_nearest)
            for number in range(blocks):
                step = stride if number == 0 else 1
                features.append(block(channels, width, step, expansion, norm_layer=norm_layer))
                channels = width
        features.append(Conv2dNormActivation(channels, self.last_channel, 1, norm_layer=norm_layer))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes)
        )
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) images to (N, num_classes) logits."""
        x = self.features(x)
        return self.classifier(x.mean(dim=(2, 3)))


def _make_divisible(channels: float, divisor: int) -> int:
    """The nearest multiple of `divisor`, but no less than nine tenths of the channels."""
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest if nearest >= 0.9 * channels else nearest + divisor


def mobilenet_v2(*, weights: None = None, progress: bool = True, **kwargs: Any) -> MobileNetV2:
    """MobileNetV2: 3.5 million parameters; `kwargs` go to MobileNetV2.

    NotImplementedError for weights other than None; `progress` is accepted.
    """
    refuse_weights(weights)
    return MobileNetV2(**kwargs)
