"""Augmentation is a function of the sample, whoever reads it."""

import inspect
import pickle
from enum import Enum

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import DataLoader
from rushlight.vision import transforms
from rushlight.vision.transforms import v2

pytest.importorskip("PIL")
from tests.vision.transforms import photographs


def batches(**options):
    rl.manual_seed(7)
    loader = DataLoader(photographs.Photographs(), batch_size=5, shuffle=True, **options)
    return [(image.tolist(), label.tolist()) for image, label in loader]


@pytest.mark.parametrize("kind", ["thread", "process"])
@pytest.mark.parametrize("workers", [1, 3])
def test_augmentation_is_the_same_for_any_workers(kind, workers):
    assert batches(num_workers=workers, worker_type=kind) == batches()


def test_epochs_differ_and_batches_do_not_matter():
    rl.manual_seed(7)
    loader = DataLoader(photographs.Photographs(), batch_size=12)
    (first,), (second,) = loader, loader
    rl.manual_seed(7)
    single = [image[0].tolist() for image, _ in DataLoader(photographs.Photographs())]
    assert first[0].tolist() == single
    assert first[0].tolist() != second[0].tolist()


def test_a_worker_loads_nothing_heavy():
    (found,) = DataLoader(photographs.Loaded(), batch_size=12, num_workers=1, worker_type="process")
    assert not found.any()


def test_outside_a_loader_the_default_generator_decides():
    image = photographs.Image.fromarray(photographs.photograph())

    def drawn():
        return photographs.augmentation()(image).tolist()

    rl.manual_seed(1)
    first, second = drawn(), drawn()
    rl.manual_seed(1)
    assert drawn() == first != second
    state = rl.get_rng_state()
    third = drawn()
    rl.set_rng_state(state)
    assert drawn() == third


def test_every_transform_can_be_sent_to_a_process():
    given = {"dtype": "float32", "lambd": abs, "size": 4, "padding": 1, "degrees": 3, "bits": 3}
    given |= {"mean": (0.5,), "std": (0.5,), "threshold": 9, "sharpness_factor": 2, "quality": 50}
    given |= {"kernel_size": 3, "transforms": [abs], "min_size": 3, "max_size": 5}
    given |= {"target_size": (3, 3), "transformation_matrix": np.eye(2), "mean_vector": np.ones(2)}
    seen = 0
    for module in (transforms, v2):
        for name, kind in vars(module).items():
            if not _is_transform(name, kind):
                continue
            wanted = inspect.signature(kind).parameters.values()
            made = kind(*(given[p.name] for p in wanted if _is_needed(p)))
            assert repr(pickle.loads(pickle.dumps(made))) == repr(made)  # noqa: S301
            seen += 1
    assert seen > 90


def _is_transform(name, kind):
    known = isinstance(kind, type) and kind.__module__.startswith("rushlight")
    return known and not issubclass(kind, Enum) and name[0] != "_"


def _is_needed(parameter):
    positional = parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    return positional and parameter.default is parameter.empty
