"""What transforms print: as torchvision's."""

import numpy as np
import pytest

from rushlight.vision import transforms

PRINTED = """
Resize(5) -> Resize(size=5, interpolation=bilinear, max_size=None, antialias=True)
CenterCrop(5) -> CenterCrop(size=(5, 5))
RandomCrop(5, padding=4) -> RandomCrop(size=(5, 5), padding=4)
RandomResizedCrop(5) -> RandomResizedCrop(size=(5, 5), scale=(0.08, 1.0), ratio=(0.75, 1.3333), interpolation=bilinear, antialias=True)
FiveCrop(5) -> FiveCrop(size=(5, 5))
TenCrop(5) -> TenCrop(size=(5, 5), vertical_flip=False)
Pad(3) -> Pad(padding=3, fill=0, padding_mode=constant)
RandomVerticalFlip(.2) -> RandomVerticalFlip(p=0.2)
RandomRotation((5, 10), center=(1, 2), fill=3) -> RandomRotation(degrees=[5.0, 10.0], interpolation=nearest, expand=False, center=(1, 2), fill=3)
RandomAffine(10) -> RandomAffine(degrees=[-10.0, 10.0])
RandomAffine(10, (.1, .2), (.5, 2), 5, fill=2, center=(1, 2)) -> RandomAffine(degrees=[-10.0, 10.0], translate=(0.1, 0.2), scale=(0.5, 2), shear=[-5.0, 5.0], fill=2, center=(1, 2))
RandomPerspective() -> RandomPerspective(p=0.5)
ColorJitter() -> ColorJitter(brightness=None, contrast=None, saturation=None, hue=None)
ColorJitter(.1, .2, hue=.4) -> ColorJitter(brightness=(0.9, 1.1), contrast=(0.8, 1.2), saturation=None, hue=(-0.4, 0.4))
Grayscale() -> Grayscale(num_output_channels=1)
RandomGrayscale() -> RandomGrayscale(p=0.1)
GaussianBlur(3) -> GaussianBlur(kernel_size=(3, 3), sigma=(0.1, 2.0))
RandomErasing() -> RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False)
RandAugment() -> RandAugment(num_ops=2, magnitude=9, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None)
AutoAugment() -> AutoAugment(policy=AutoAugmentPolicy.IMAGENET, fill=None)
TrivialAugmentWide() -> TrivialAugmentWide(num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None)
AugMix() -> AugMix(severity=3, mixture_width=3, chain_depth=-1, alpha=1.0, all_ops=True, interpolation=InterpolationMode.BILINEAR, fill=None)
LinearTransformation(np.eye(2), np.zeros(2)) -> LinearTransformation(transformation_matrix=[[1.0, 0.0], [0.0, 1.0]], mean_vector=[0.0, 0.0])
RandomInvert() -> RandomInvert(p=0.5)
RandomPosterize(3) -> RandomPosterize(bits=3,p=0.5)
RandomSolarize(100) -> RandomSolarize(threshold=100,p=0.5)
RandomAdjustSharpness(2) -> RandomAdjustSharpness(sharpness_factor=2,p=0.5)
ElasticTransform() -> ElasticTransform(alpha=[50.0, 50.0], sigma=[5.0, 5.0], interpolation=InterpolationMode.BILINEAR, fill=[0.0])
ToPILImage('RGB') -> ToPILImage(mode=RGB)
ConvertImageDtype(np.float32) -> ConvertImageDtype()
"""  # noqa: E501
LINES = [line.split(" -> ") for line in PRINTED.strip().splitlines()]
NAMES = {name: getattr(transforms, name) for name in transforms.__all__} | {"np": np}


@pytest.mark.parametrize(("text", "expected"), LINES, ids=[line[0] for line in LINES])
def test_printed(text, expected):
    assert repr(eval(text, dict(NAMES))) == expected  # noqa: S307


def test_nested():
    steps = [transforms.ToTensor(), transforms.RandomInvert()]
    lines = "\n    ToTensor()\n    RandomInvert(p=0.5)\n)"
    assert repr(transforms.Compose(steps)) == f"Compose({lines}"
    assert repr(transforms.RandomOrder(steps)) == f"RandomOrder({lines}"
    assert repr(transforms.RandomChoice(steps)) == f"RandomChoice({lines}(p=None)"
    assert repr(transforms.RandomApply(steps)) == f"RandomApply(\n    p=0.5{lines}"
