"""Transforms of whole samples: images in tuples, lists and dicts are transformed alike.

A transform takes one image, or several arguments, or a nest of tuples, lists and dicts.  All
Pillow images in it, or where there are none the first tensor, are transformed with the same
draw; all else stays.  Boxes, masks and videos are not built (`docs/differences.md`).

>>> prepare = Compose([ToImage(), RandomHorizontalFlip(1), ToDtype(np.float32, scale=True)])
>>> image, label = prepare(np.array([[0, 255]], np.uint8), 3)
>>> image.tolist(), label
([[[1.0, 0.0]]], 3)
"""

from __future__ import annotations

from typing import Any

from rushlight.vision import transforms as v1
from rushlight.vision.transforms.autoaugment import AutoAugmentPolicy
from rushlight.vision.transforms.modes import InterpolationMode
from rushlight.vision.transforms.v2 import functional
from rushlight.vision.transforms.v2.compose import (
    Compose,
    Identity,
    Lambda,
    RandomApply,
    RandomChoice,
    RandomOrder,
)
from rushlight.vision.transforms.v2.mixing import CutMix, MixUp
from rushlight.vision.transforms.v2.own import (
    JPEG,
    RGB,
    ColorJitter,
    GaussianNoise,
    RandomChannelPermutation,
    RandomPhotometricDistort,
    RandomResize,
    RandomShortestSize,
    RandomZoomOut,
    ScaleJitter,
    ToDtype,
    ToImage,
    ToPureTensor,
)
from rushlight.vision.transforms.v2.samples import Shared, Transform


def _shared(kind: type) -> Any:
    """The class for samples of one for images."""
    return type(kind.__name__, (Shared, kind), {"__doc__": kind.__doc__, "__module__": __name__})


AugMix = _shared(v1.AugMix)
AutoAugment = _shared(v1.AutoAugment)
CenterCrop = _shared(v1.CenterCrop)
ConvertImageDtype = _shared(v1.ConvertImageDtype)
ElasticTransform = _shared(v1.ElasticTransform)
FiveCrop = _shared(v1.FiveCrop)
GaussianBlur = _shared(v1.GaussianBlur)
Grayscale = _shared(v1.Grayscale)
LinearTransformation = _shared(v1.LinearTransformation)
Normalize = _shared(v1.Normalize)
PILToTensor = _shared(v1.PILToTensor)
Pad = _shared(v1.Pad)
RandAugment = _shared(v1.RandAugment)
RandomAdjustSharpness = _shared(v1.RandomAdjustSharpness)
RandomAffine = _shared(v1.RandomAffine)
RandomAutocontrast = _shared(v1.RandomAutocontrast)
RandomCrop = _shared(v1.RandomCrop)
RandomEqualize = _shared(v1.RandomEqualize)
RandomErasing = _shared(v1.RandomErasing)
RandomGrayscale = _shared(v1.RandomGrayscale)
RandomHorizontalFlip = _shared(v1.RandomHorizontalFlip)
RandomInvert = _shared(v1.RandomInvert)
RandomPerspective = _shared(v1.RandomPerspective)
RandomPosterize = _shared(v1.RandomPosterize)
RandomResizedCrop = _shared(v1.RandomResizedCrop)
RandomRotation = _shared(v1.RandomRotation)
RandomSolarize = _shared(v1.RandomSolarize)
RandomVerticalFlip = _shared(v1.RandomVerticalFlip)
Resize = _shared(v1.Resize)
TenCrop = _shared(v1.TenCrop)
ToPILImage = _shared(v1.ToPILImage)
ToTensor = _shared(v1.ToTensor)
TrivialAugmentWide = _shared(v1.TrivialAugmentWide)

_NOT_BUILT = ("ClampBoundingBoxes", "ClampKeyPoints", "ConvertBoundingBoxFormat")
_NOT_BUILT += ("RandomIoUCrop", "SanitizeBoundingBoxes", "SanitizeKeyPoints", "SetClampingMode")
_NOT_BUILT += ("UniformTemporalSubsample",)


def __getattr__(name: str) -> Any:
    if name in _NOT_BUILT:
        raise AttributeError(
            f"transforms.v2.{name} is not built: boxes, key points and videos are listed in "
            "docs/differences.md"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
