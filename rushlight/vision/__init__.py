"""Images: datasets, models and transforms, where a user of torchvision looks for them."""

from rushlight.vision import datasets, models, transforms, utils
from rushlight.vision.datasets import MNIST
from rushlight.vision.digits import Digits

__all__ = ["MNIST", "Digits", "datasets", "models", "transforms", "utils"]
