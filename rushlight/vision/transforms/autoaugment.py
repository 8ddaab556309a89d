"""Augmentation by policies: AutoAugment, RandAugment, TrivialAugment and AugMix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np

from rushlight.data.randomness import sample_generator
from rushlight.vision.transforms import functional as F
from rushlight.vision.transforms import planes, policies
from rushlight.vision.transforms.base import Transform, integer
from rushlight.vision.transforms.images import dimensions, is_pillow, like, planes_of
from rushlight.vision.transforms.modes import InterpolationMode, as_mode
from rushlight.vision.transforms.motions import fill_for

_CORNER = [0, 0]


class AutoAugmentPolicy(Enum):
    """The data set that a policy was found for."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# -------------------------------------------------------------------------------------- operations
def _shear(img: Any, angle: list[float], mode: InterpolationMode, fill: Any) -> Any:
    return F.affine(img, 0.0, [0, 0], 1.0, angle, mode, fill, _CORNER)


def _move(img: Any, shift: list[int], mode: InterpolationMode, fill: Any) -> Any:
    return F.affine(img, 0.0, shift, 1.0, [0.0, 0.0], mode, fill)


def _degrees(magnitude: float) -> float:
    return math.degrees(math.atan(magnitude))


OPERATIONS = {
    "Identity": lambda img, m, mode, fill: img,
    "ShearX": lambda img, m, mode, fill: _shear(img, [_degrees(m), 0.0], mode, fill),
    "ShearY": lambda img, m, mode, fill: _shear(img, [0.0, _degrees(m)], mode, fill),
    "TranslateX": lambda img, m, mode, fill: _move(img, [int(m), 0], mode, fill),
    "TranslateY": lambda img, m, mode, fill: _move(img, [0, int(m)], mode, fill),
    "Rotate": lambda img, m, mode, fill: F.rotate(img, m, mode, fill=fill),
    "Brightness": lambda img, m, mode, fill: F.adjust_brightness(img, 1.0 + m),
    "Color": lambda img, m, mode, fill: F.adjust_saturation(img, 1.0 + m),
    "Contrast": lambda img, m, mode, fill: F.adjust_contrast(img, 1.0 + m),
    "Sharpness": lambda img, m, mode, fill: F.adjust_sharpness(img, 1.0 + m),
    "Posterize": lambda img, m, mode, fill: F.posterize(img, int(m)),
    "Solarize": lambda img, m, mode, fill: F.solarize(img, m),
    "AutoContrast": lambda img, m, mode, fill: F.autocontrast(img),
    "Equalize": lambda img, m, mode, fill: F.equalize(img),
    "Invert": lambda img, m, mode, fill: F.invert(img),
}
_GEOMETRIC = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
_ENHANCING = ("Brightness", "Color", "Contrast", "Sharpness")
_SIGNED = (*_GEOMETRIC, *_ENHANCING)
_LAST = ("Posterize", "Solarize", "AutoContrast", "Equalize")


def operate(img: Any, name: str, magnitude: float, mode: InterpolationMode, fill: Any) -> Any:
    """One operation of a policy; ValueError for a name that is none."""
    if name not in OPERATIONS:
        raise ValueError(f"The provided operator {name} is not recognized.")
    return OPERATIONS[name](img, magnitude, mode, fill)


class _Magnitudes:
    """How strong each operation is, at each of a number of steps."""

    def __init__(
        self, bins: int, most: dict[str, float], size: tuple[int, int], least_bits: int = 4
    ):
        self.bins = bins
        height, width = size
        self.most = most | {
            "TranslateX": most["TranslateX"] * (width if most["TranslateX"] < 1 else 1),
            "TranslateY": most["TranslateY"] * (height if most["TranslateY"] < 1 else 1),
        }
        self.bits = 8 - least_bits

    def of(self, name: str, step: int) -> float:
        """The strength of an operation at a step of 0 to `bins` - 1."""
        part = step / (self.bins - 1)
        if name == "Posterize":
            return 8 - round(step / ((self.bins - 1) / self.bits))
        if name == "Solarize":
            return 255.0 * (1 - part)
        return self.most.get(name, 0.0) * part


_USUAL = {"ShearX": 0.3, "ShearY": 0.3, "Rotate": 30.0}
_USUAL |= {"TranslateX": 150.0 / 331.0, "TranslateY": 150.0 / 331.0}
_USUAL |= dict.fromkeys(_ENHANCING, 0.9)
_WIDE = {"ShearX": 0.99, "ShearY": 0.99, "Rotate": 135.0, "TranslateX": 32.0, "TranslateY": 32.0}
_WIDE |= dict.fromkeys(_ENHANCING, 0.99)
_MIXED = _USUAL | {"TranslateX": 1.0 / 3.0, "TranslateY": 1.0 / 3.0}


def _signed(magnitude: float) -> float:
    return magnitude if integer(0, 2) else -magnitude


class _Policy(Transform):
    """A list of operations is drawn, and they are done one after the other."""

    def __init__(self, interpolation: Any, fill: Any):
        self.interpolation = as_mode(interpolation)
        self.fill = fill

    def draw(self, image: Any) -> list[tuple[str, float]]:
        """Names and magnitudes."""
        _, height, width = dimensions(image)
        return self.choose((height, width))

    def choose(self, size: tuple[int, int]) -> list[tuple[str, float]]:
        """Names and magnitudes for an image of this (height, width)."""
        raise NotImplementedError

    def apply(self, image: Any, drawn: list[tuple[str, float]]) -> Any:
        """Do them."""
        fill = fill_for(self.fill, image)
        for name, magnitude in drawn:
            image = operate(image, name, magnitude, self.interpolation, fill)
        return image


class AutoAugment(_Policy):
    """One of 25 pairs of operations that were found for a data set (Cubuk et al., 2019).

    For uint8 tensors and Pillow images.

    >>> AutoAugment()(np.zeros((3, 8, 8), np.uint8)).shape
    (3, 8, 8)
    """

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Sequence[float] | None = None,
    ):
        super().__init__(interpolation, fill)
        if policy not in list(AutoAugmentPolicy):
            raise ValueError(f"The provided policy {policy} is not recognized.")
        self.policy = policy
        self._policies = policies.steps(getattr(policies, policy.name))

    @property
    def policies(self) -> list:
        """The pairs of operations: name, probability and magnitude."""
        return self._policies

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, list[float], list[int]]:
        """Which pair, a number to compare with each probability, and two signs (0 is minus)."""
        generator = sample_generator()
        chances, signs = generator.random(2).tolist(), generator.integers(0, 2, 2).tolist()
        return int(generator.integers(transform_num)), chances, signs

    def choose(self, size: tuple[int, int]) -> list[tuple[str, float]]:
        """Those of the pair that are done."""
        number, chances, signs = self.get_params(len(self._policies))
        magnitudes = _Magnitudes(10, _USUAL, size)
        chosen = []
        for step, chance, sign in zip(self._policies[number], chances, signs, strict=True):
            name, probability, magnitude = step
            if chance <= probability:
                strength = magnitudes.of(name, magnitude or 0)
                negative = name in _SIGNED and sign == 0
                chosen.append((name, -strength if negative else strength))
        return chosen

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"policy={self.policy}, fill={self.fill}"


class RandAugment(_Policy):
    """`num_ops` operations drawn evenly, all of one magnitude (Cubuk et al., 2020).

    For uint8 tensors and Pillow images.

    >>> RandAugment()(np.zeros((3, 8, 8), np.uint8)).shape
    (3, 8, 8)
    """

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Sequence[float] | None = None,
    ):
        super().__init__(interpolation, fill)
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins

    _operations = ("Identity", *_SIGNED, *_LAST)

    def choose(self, size: tuple[int, int]) -> list[tuple[str, float]]:
        """Names and magnitudes."""
        magnitudes = _Magnitudes(self.num_magnitude_bins, _USUAL, size)
        chosen = []
        for _ in range(self.num_ops):
            name = self._operations[integer(0, len(self._operations))]
            strength = magnitudes.of(name, self.magnitude)
            chosen.append((name, _signed(strength) if name in _SIGNED else strength))
        return chosen

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return (
            f"num_ops={self.num_ops}, magnitude={self.magnitude}, "
            f"num_magnitude_bins={self.num_magnitude_bins}, "
            f"interpolation={self.interpolation}, fill={self.fill}"
        )


class TrivialAugmentWide(_Policy):
    """One operation of any magnitude, both drawn evenly (Müller and Hutter, 2021).

    For uint8 tensors and Pillow images.

    >>> TrivialAugmentWide()(np.zeros((3, 8, 8), np.uint8)).shape
    (3, 8, 8)
    """

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Sequence[float] | None = None,
    ):
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    _operations = ("Identity", *_SIGNED, *_LAST)

    def choose(self, size: tuple[int, int]) -> list[tuple[str, float]]:
        """One name and magnitude."""
        magnitudes = _Magnitudes(self.num_magnitude_bins, _WIDE, size, least_bits=2)
        name = self._operations[integer(0, len(self._operations))]
        strength = magnitudes.of(name, integer(0, self.num_magnitude_bins))
        return [(name, _signed(strength) if name in _SIGNED else strength)]

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return (
            f"num_magnitude_bins={self.num_magnitude_bins}, "
            f"interpolation={self.interpolation}, fill={self.fill}"
        )


class AugMix(Transform):
    """A mixture of the image and of several chains of operations (Hendrycks et al., 2020).

    For uint8 tensors and Pillow images.  `severity` goes from 1 to 10; `mixture_width` chains of
    `chain_depth` operations each (1 to 3 for -1) are weighed by a Dirichlet draw of `alpha`;
    `all_ops` adds brightness, contrast, colour and sharpness.

    >>> AugMix()(np.zeros((3, 8, 8), np.uint8)).shape
    (3, 8, 8)
    """

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: Any = InterpolationMode.BILINEAR,
        fill: Sequence[float] | None = None,
    ):
        if not 1 <= severity <= 10:
            raise ValueError(f"The severity must be between [1, 10]. Got {severity} instead.")
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops
        self.interpolation = as_mode(interpolation)
        self.fill = fill

    def draw(self, image: Any) -> tuple[list, np.ndarray]:
        """Chains of names and magnitudes, and the weights of the image and of each chain."""
        _, height, width = dimensions(image)
        magnitudes = _Magnitudes(10, _MIXED, (height, width))
        generator = sample_generator()
        kept, mixed = generator.dirichlet([self.alpha] * 2)
        weights = generator.dirichlet([self.alpha] * self.mixture_width) * mixed
        chains = [self._chain(magnitudes) for _ in range(self.mixture_width)]
        return chains, np.concatenate([[kept], weights])

    def _chain(self, magnitudes: _Magnitudes) -> list[tuple[str, float]]:
        names = (*_GEOMETRIC, *_LAST, *(_ENHANCING if self.all_ops else ()))
        chain = []
        for _ in range(self.chain_depth if self.chain_depth > 0 else integer(1, 4)):
            name = names[integer(0, len(names))]
            step = integer(0, self.severity)
            strength = magnitudes.of(name, step)
            if name == "Posterize":
                strength = 4 - round(step / (9 / 4))
            chain.append((name, _signed(strength) if name in _SIGNED else strength))
        return chain

    def apply(self, image: Any, drawn: tuple[list, np.ndarray]) -> Any:
        """Mix one image, or a batch of tensors."""
        chains, weights = drawn
        fill = fill_for(self.fill, image)
        total = _floats(image) * np.float32(weights[0])
        for chain, weight in zip(chains, weights[1:], strict=True):
            changed = image
            for name, magnitude in chain:
                changed = operate(changed, name, magnitude, self.interpolation, fill)
            total += _floats(changed) * np.float32(weight)
        if is_pillow(image):
            return F.to_pil_image(planes.channels_last(total.astype(np.uint8)), image.mode)
        return like(total.astype(planes_of(image, "AugMix").dtype), image)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        names = ("severity", "mixture_width", "chain_depth", "alpha", "all_ops", "interpolation")
        return ", ".join(f"{name}={getattr(self, name)}" for name in (*names, "fill"))


def _floats(image: Any) -> np.ndarray:
    values = planes.of_pillow(image) if is_pillow(image) else planes_of(image, "AugMix")
    return values.astype(np.float32)
