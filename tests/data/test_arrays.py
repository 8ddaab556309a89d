import numpy as np
import pytest

from rushlight.data import DataLoader, IterableDataset, arrays, default_collate, default_convert


def test_without_a_tensor_numpy_takes_its_place():
    assert isinstance(default_collate([1, 2]), np.ndarray)
    array = np.zeros(2)
    assert arrays.from_array(array) is array
    assert arrays.to_array(array) is array


def test_registered_type_comes_out_of_collate_and_convert(tensor):
    for made in (
        default_collate([1, 2]),
        default_collate([np.zeros(2)]),
        default_convert(np.ones(1)),
    ):
        assert isinstance(made, tensor)


def test_arrays_stay_arrays_beside_a_registered_type(tensor):
    assert arrays.is_array(np.zeros(1))
    assert not arrays.is_tensor(np.zeros(1))
    assert arrays.is_tensor(tensor(1))
    assert not arrays.is_array([1])


def test_only_fresh_memory_is_called_owned(tensor):
    assert default_collate([np.zeros(2), np.ones(2)]).owned
    assert default_collate([1, 2]).owned
    assert not default_convert(np.zeros(2)).owned


def test_stack_of_the_tensor_side_is_used():
    arrays.register_array_type(list, np.asarray, lambda array, owned: array.tolist(), list)
    assert default_collate([np.zeros(1, "f4"), np.ones(1, "f8")]) == [[0.0], [1.0]]


def test_hooks_surround_what_the_user_wrote(events):
    class Loud:
        def __len__(self):
            return 2

        def __getitem__(self, index):
            events.append(f"read {index}")
            return index

    def collate(samples):
        events.append("collate")
        return samples

    batches = iter(DataLoader(Loud(), collate_fn=collate))
    events.clear()
    next(batches)
    assert events == ["drawn", "enter", "read 0", "collate", "leave"]


def test_stream_code_runs_inside_the_context(events):
    class Stream(IterableDataset):
        def __iter__(self):
            events.append("open")
            yield 1

    assert len(list(DataLoader(Stream()))) == 1
    assert events == [
        "enter",
        "leave",
        "drawn",
        "enter",
        "open",
        "leave",
        "drawn",
        "enter",
        "leave",
    ]


def test_context_is_left_after_an_error(events):
    with pytest.raises(KeyError):
        list(DataLoader({1: 1, 2: 2}))
    assert events.count("enter") == events.count("leave")


def test_hooks_left_out_stay(events):
    arrays.register_hooks(draw_seed=lambda generator: 7)
    arrays.batch_drawn()
    assert events == ["drawn"]
    assert arrays.draw_seed() == 7


def test_seeds_come_from_numpy_generators_without_the_hook(seeds):
    drawn = arrays.draw_seed(np.random.default_rng(0))
    assert drawn == arrays.draw_seed(np.random.default_rng(0))
    assert seeds.position == 0


@pytest.mark.parametrize("generator", [3, "seed", np.random])
def test_what_is_no_generator_is_refused(generator):
    with pytest.raises(TypeError, match="generator"):
        arrays.draw_seed(generator)
