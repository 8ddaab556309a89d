"""Augmentation is a function of the sample, whoever reads it."""

import pytest

import rushlight as rl
from rushlight.data import DataLoader

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
