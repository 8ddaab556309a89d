"""Residual networks: He et al., "Deep residual learning for image recognition", CVPR 2016.

With groups, Xie et al., "Aggregated residual transformations" (ResNeXt), CVPR 2017; wider ones,
Zagoruyko and Komodakis, "Wide residual networks", BMVC 2016.

Names, arguments and `state_dict` keys are torchvision's, so that its weights fit.  As there, a
Bottleneck strides in its 3x3 convolution ("ResNet v1.5").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight import nn
from rushlight.tensor import Tensor
from rushlight.vision.models.weights import refuse_weights

Norm = Callable[[int], nn.Module]


def conv3x3(
    in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size of images, but for its stride."""
    return nn.Conv2d(
        in_planes,
        out_planes,
        kernel_size=3,
        stride=stride,
        padding=dilation,
        groups=groups,
        bias=False,
        dilation=dilation,
    )


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A 1x1 convolution: a linear layer at each pixel."""
    return nn.Conv2d(in_planes, out_planes, kernel_size=1, stride=stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and the way around them: `planes` channels in, `planes` out.

    ValueError for groups and widths other than the usual, NotImplementedError for dilation.
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ):
        super().__init__()
        if groups != 1 or base_width != 64:
            raise ValueError(
                "BasicBlock only supports groups=1 and base_width=64\n"
                f"Actual: groups={groups}, base_width={base_width}."
            )
        if dilation > 1:
            raise NotImplementedError("Dilation > 1 not supported in BasicBlock")
        norm_layer = norm_layer or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) images to (N, planes, H / stride, W / stride) ones."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + _around(x, self.downsample))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and the way around them: 4 * `planes` channels out."""

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ):
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) images to (N, 4 * planes, H / stride, W / stride) ones."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + _around(x, self.downsample))


def _around(x: Tensor, downsample: nn.Module | None) -> Tensor:
    """The way around a block, made to fit where the block changes the shape."""
    return x if downsample is None else downsample(x)


class ResNet(nn.Module):
    """A residual network: (N, 3, H, W) images to (N, num_classes) logits.

    `block` is BasicBlock or Bottleneck, `layers` says how many of them each of the four stages
    has.  With `zero_init_residual` each block begins as the identity.
    `replace_stride_with_dilation` says for the last three stages whether to dilate instead of
    halving the image.  `groups` and `width_per_group` make a Bottleneck's 3x3 convolution grouped
    and wide (ResNeXt, Wide ResNet).  ValueError if `replace_stride_with_dilation` has not three
    elements.
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: list[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: list[bool] | None = None,
        norm_layer: Norm | None = None,
    ):
        super().__init__()
        dilate = replace_stride_with_dilation or [False, False, False]
        if len(dilate) != 3:
            raise ValueError(
                "replace_stride_with_dilation should be None or a 3-element tuple, got "
                f"{replace_stride_with_dilation}"
            )
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes = 64
        self.dilation = 1
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2, dilate=dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2, dilate=dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2, dilate=dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._initialise(zero_init_residual)

    def _make_layer(
        self,
        block: type[BasicBlock | Bottleneck],
        planes: int,
        blocks: int,
        stride: int = 1,
        dilate: bool = False,
    ) -> nn.Sequential:
        """One stage: a block that may change the shape, and others that keep it."""
        first_dilation = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        downsample = None
        outplanes = planes * block.expansion
        if stride != 1 or self.inplanes != outplanes:
            shortcut = conv1x1(self.inplanes, outplanes, stride)
            downsample = nn.Sequential(shortcut, self._norm_layer(outplanes))
        shared = {"groups": self.groups, "base_width": self.base_width}
        shared["norm_layer"] = self._norm_layer
        stage = [
            block(self.inplanes, planes, stride, downsample, dilation=first_dilation, **shared)
        ]
        self.inplanes = outplanes
        for _ in range(1, blocks):
            stage.append(block(outplanes, planes, dilation=self.dilation, **shared))
        return nn.Sequential(*stage)

    def _initialise(self, zero_init_residual: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.constant_(module.weight, 1)
                nn.init.constant_(module.bias, 0)
        if not zero_init_residual:
            return
        for module in self.modules():
            if isinstance(module, (BasicBlock, Bottleneck)):
                last = module.bn2 if isinstance(module, BasicBlock) else module.bn3
                if getattr(last, "weight", None) is not None:
                    nn.init.constant_(last.weight, 0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) images to (N, num_classes) logits."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.maxpool(x)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def _resnet(
    block: type[BasicBlock | Bottleneck], layers: list[int], weights: Any, options: dict[str, Any]
) -> ResNet:
    refuse_weights(weights)
    return ResNet(block, layers, **options)


def resnet18(*, weights: None = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet-18: 11.7 million parameters; `kwargs` go to ResNet.

    NotImplementedError for weights other than None; `progress` is accepted.
    """
    return _resnet(BasicBlock, [2, 2, 2, 2], weights, kwargs)


def resnet34(*, weights: None = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet-34: 21.8 million parameters; arguments as for `resnet18`."""
    return _resnet(BasicBlock, [3, 4, 6, 3], weights, kwargs)


def resnet50(*, weights: None = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet-50: 25.6 million parameters; arguments as for `resnet18`."""
    return _resnet(Bottleneck, [3, 4, 6, 3], weights, kwargs)


def resnet101(*, weights: None = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet-101: 44.5 million parameters; arguments as for `resnet18`."""
    return _resnet(Bottleneck, [3, 4, 23, 3], weights, kwargs)


def resnet152(*, weights: None = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet-152: 60.2 million parameters; arguments as for `resnet18`."""
    return _resnet(Bottleneck, [3, 8, 36, 3], weights, kwargs)


def resnext50_32x4d(*, weights: None = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNeXt-50 with 32 groups of 4: 25.0 million parameters; arguments as for `resnet18`."""
    sizes = {"groups": 32, "width_per_group": 4}
    return _resnet(Bottleneck, [3, 4, 6, 3], weights, sizes | kwargs)


def resnext101_32x8d(*, weights: None = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNeXt-101 with 32 groups of 8: 88.8 million parameters; arguments as for `resnet18`."""
    sizes = {"groups": 32, "width_per_group": 8}
    return _resnet(Bottleneck, [3, 4, 23, 3], weights, sizes | kwargs)


def resnext101_64x4d(*, weights: None = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNeXt-101 with 64 groups of 4: 83.5 million parameters; arguments as for `resnet18`."""
    sizes = {"groups": 64, "width_per_group": 4}
    return _resnet(Bottleneck, [3, 4, 23, 3], weights, sizes | kwargs)


def wide_resnet50_2(*, weights: None = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """Wide ResNet-50-2: 68.9 million parameters; arguments as for `resnet18`."""
    return _resnet(Bottleneck, [3, 4, 6, 3], weights, {"width_per_group": 128} | kwargs)


def wide_resnet101_2(*, weights: None = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """Wide ResNet-101-2: 126.9 million parameters; arguments as for `resnet18`."""
    return _resnet(Bottleneck, [3, 4, 23, 3], weights, {"width_per_group": 128} | kwargs)
