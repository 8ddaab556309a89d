"""Transforms: what turns a stored image into the numbers that a network reads.

A transform is a function of one image: a Pillow image, a tensor (..., channels, height, width),
or an array that stands for one.  What it draws belongs to the sample (`sample_generator`), so
augmentation is the same for any number of workers.  Nothing here loads an engine.

>>> prepare = Compose([RandomCrop(24), RandomHorizontalFlip(), ToTensor()])
>>> tuple(prepare(ToPILImage()(np.zeros((28, 28), np.uint8))).shape)
(1, 24, 24)
"""

from __future__ import annotations

from rushlight.vision.transforms import functional
from rushlight.vision.transforms.autoaugment import (
    AugMix,
    AutoAugment,
    AutoAugmentPolicy,
    RandAugment,
    TrivialAugmentWide,
)
from rushlight.vision.transforms.colour import (
    ColorJitter,
    GaussianBlur,
    Grayscale,
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomEqualize,
    RandomGrayscale,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
)
from rushlight.vision.transforms.compose import (
    Compose,
    Lambda,
    RandomApply,
    RandomChoice,
    RandomOrder,
)
from rushlight.vision.transforms.geometry import (
    CenterCrop,
    FiveCrop,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
    Resize,
    TenCrop,
)
from rushlight.vision.transforms.modes import InterpolationMode
from rushlight.vision.transforms.motions import (
    ElasticTransform,
    RandomAffine,
    RandomPerspective,
    RandomRotation,
)
from rushlight.vision.transforms.tensors import (
    ConvertImageDtype,
    LinearTransformation,
    Normalize,
    PILToTensor,
    RandomErasing,
    ToPILImage,
    ToTensor,
)

__all__ = [
    "AugMix",
    "AutoAugment",
    "AutoAugmentPolicy",
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "ElasticTransform",
    "FiveCrop",
    "GaussianBlur",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "LinearTransformation",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandAugment",
    "RandomAdjustSharpness",
    "RandomAffine",
    "RandomApply",
    "RandomAutocontrast",
    "RandomChoice",
    "RandomCrop",
    "RandomEqualize",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomInvert",
    "RandomOrder",
    "RandomPerspective",
    "RandomPosterize",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSolarize",
    "RandomVerticalFlip",
    "Resize",
    "TenCrop",
    "ToPILImage",
    "ToTensor",
    "TrivialAugmentWide",
    "functional",
]
