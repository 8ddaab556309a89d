"""Networks for images by torchvision's names; their `state_dict` keys are torchvision's too."""

from rushlight.vision.models import resnet
from rushlight.vision.models.resnet import (
    ResNet,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
)

__all__ = ["ResNet", "resnet", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
