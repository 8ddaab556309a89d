"""Hugging Face's map-style datasets: what comes out is what the dataset itself would give."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.data import ConcatDataset, DataLoader, PadCollate, Subset, default_collate
from rushlight.data.dataset import gathered, read_many
from rushlight.data.hub.rows import rows_of

datasets = pytest.importorskip("datasets")
Dataset, Features, Value = datasets.Dataset, datasets.Features, datasets.Value
NUMBER = np.random.default_rng(5)
COUNT = 30
LETTERS = ["a", "bé", "", "long " * 9, "nul\0"]


def numbers(dtype):
    if dtype == "bool":
        return (NUMBER.integers(0, 2, COUNT) == 1).tolist()
    if dtype.startswith("float"):
        return NUMBER.normal(0, 1, COUNT).astype(dtype).tolist()
    return NUMBER.integers(0, 100, COUNT).tolist()


def lists(dtype, ragged):
    many = numbers(dtype) * 4
    return [many[i : i + (i % 4 if ragged else 3)] for i in range(COUNT)]


DTYPES = ["bool", "int8", "uint16", "int64", "uint64", "float16", "float32", "float64"]
KINDS = {f"{dtype} number": (numbers(dtype), Value(dtype)) for dtype in DTYPES}
KINDS |= {f"{dtype} list": (lists(dtype, False), datasets.List(Value(dtype))) for dtype in DTYPES}
KINDS |= {f"{dtype} ragged": (lists(dtype, True), datasets.List(Value(dtype))) for dtype in DTYPES}
KINDS |= {
    "text": ([LETTERS[i % 5] for i in range(COUNT)], Value("string")),
    "large text": ([LETTERS[i % 5] for i in range(COUNT)], Value("large_string")),
    "empty text": ([""] * COUNT, Value("string")),
    "bytes": ([LETTERS[i % 4].encode() for i in range(COUNT)], Value("binary")),
    "class": (NUMBER.integers(0, 3, COUNT).tolist(), datasets.ClassLabel(names=["x", "y", "z"])),
    "fixed list": (lists("int32", False), datasets.List(Value("int32"), length=3)),
    "large list": (lists("int32", True), datasets.LargeList(Value("int32"))),
    "texts": ([["a", "b"]] * COUNT, datasets.List(Value("string"))),
    "dict": (
        [{"p": i, "q": "w"} for i in range(COUNT)],
        {"p": Value("int8"), "q": Value("string")},
    ),
    "lists of lists": ([[[i]] for i in range(COUNT)], datasets.List(datasets.List(Value("int32")))),
    "matrix": ([[[i, 2]] for i in range(COUNT)], datasets.Array2D((1, 2), "int32")),
    "sparse": ([i if i % 3 else None for i in range(COUNT)], Value("int32")),
    "sparse text": ([None if i == 7 else "a" for i in range(COUNT)], Value("string")),
    "sparse list": (
        [None if i == 7 else [1.0] for i in range(COUNT)],
        datasets.List(Value("float32")),
    ),
    "list with a gap": (
        [[1, None if i == 7 else 2] for i in range(COUNT)],
        datasets.List(Value("int32")),
    ),
    "day": ([np.datetime64("2020-01-01", "s")] * COUNT, Value("timestamp[s]")),
    "no numbers": ([[] for _ in range(COUNT)], datasets.List(Value("int32"))),
}


def made(names, pieces=1):
    """A dataset of these columns, in so many chunks."""
    features = Features({name: KINDS[name][1] for name in names})
    columns = {name: KINDS[name][0] for name in names}
    cuts = np.linspace(0, COUNT, pieces + 1).astype(int)
    parts = [
        Dataset.from_dict({n: v[a:b] for n, v in columns.items()}, features=features)
        for a, b in itertools.pairwise(cuts)
    ]
    return datasets.concatenate_datasets(parts)


def outcome(make):
    """A value in a form that shows types and bits, or an error's type."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return shown(make())
    except Exception as error:  # noqa: BLE001 - whichever it is
        return type(error)


def shown(value):
    if isinstance(value, dict):
        return {key: shown(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [shown(part) for part in value]
    if isinstance(value, np.ndarray) and value.dtype != object:
        return "array", value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, np.ndarray):
        return "objects", [shown(part) for part in value]
    return type(value).__name__, repr(value)


def check(dataset, indices):
    assert outcome(lambda: read_many(dataset, indices)) == outcome(
        lambda: dataset.__getitems__(indices)
    )
    expected = outcome(lambda: default_collate(dataset.__getitems__(indices)))
    batch = gathered(dataset, indices)
    if batch is not None:
        assert shown(batch) == expected
    loader = DataLoader(dataset, batch_sampler=[indices])
    assert outcome(lambda: next(iter(loader))) == expected


@pytest.mark.parametrize("format", [None, "numpy"])
@pytest.mark.parametrize("name", KINDS)
def test_each_kind_of_column(name, format):
    for pieces in (1, 4):
        dataset = made([name], pieces).with_format(format)
        for indices in ([3], [4, 5, 6], [9, 2, 2, 29, 0, 17], list(range(COUNT)), [7]):
            check(dataset, indices)


@pytest.mark.parametrize("format", [None, "numpy"])
def test_numbers_that_no_tensor_holds(format):
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({"n": arrow.array([1, 2**63], arrow.uint64())})
    dataset = Dataset(table).with_format(format)
    for indices in ([0], [1, 0]):
        check(dataset, indices)


QUICK = {"bool number", "int64 number", "int8 number", "float32 number", "text", "class", "bytes"}


@pytest.mark.parametrize("name", sorted(QUICK))
def test_which_are_gathered(name):
    batch = gathered(made([name], 3), [9, 2])
    assert list(batch) == [name]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_datasets_in_any_state(data):
    names = data.draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4, unique=True))
    dataset = made(names, data.draw(st.integers(1, 5)))
    if data.draw(st.booleans()):
        dataset = dataset.shuffle(seed=data.draw(st.integers(0, 9)))
    if data.draw(st.booleans()):
        dataset = dataset.select(range(2, COUNT, data.draw(st.integers(1, 3))))
    columns = data.draw(st.none() | st.lists(st.sampled_from(names), min_size=1, unique=True))
    dataset = dataset.with_format(
        data.draw(st.sampled_from([None, "numpy"])),
        columns=columns,
        output_all_columns=data.draw(st.booleans()),
    )
    places = st.integers(0, len(dataset) - 1)
    check(dataset, data.draw(st.lists(places, min_size=1, max_size=9)))


def test_a_format_that_changes_in_place_is_seen():
    dataset = made(["int8 number", "float64 number"])
    assert gathered(dataset, [0, 1])["float64 number"].dtype == np.float64
    dataset.set_format("numpy", columns=["float64 number"])
    batch = gathered(dataset, [0, 1])
    assert list(batch) == ["float64 number"]
    assert batch["float64 number"].dtype == np.float32
    dataset.reset_format()
    assert len(gathered(dataset, [0])) == 2


OTHERS = {
    "a transform": lambda d: d.with_transform(lambda batch: {"y": [v + 1 for v in batch["class"]]}),
    "options": lambda d: d.with_format("numpy", dtype=np.float64),
    "a subclass": lambda d: type("Mine", (Dataset,), {})(d.data, info=d.info),
    "pandas": lambda d: d.with_format("pandas"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_others_are_asked_themselves(name):
    dataset = OTHERS[name](made(["class"]))
    assert rows_of(dataset) is None
    assert gathered(dataset, [1]) is None


def test_transforms_and_pictures():
    image = pytest.importorskip("PIL.Image")
    pictures = [image.fromarray(np.full((4, 3), i, np.uint8)) for i in range(4)]
    dataset = Dataset.from_dict(
        {"image": pictures, "y": [0, 1, 2, 3]},
        features=Features(image=datasets.Image(), y=Value("int8")),
    )
    with pytest.raises(TypeError, match=r'found <class .*PngImage.*> in sample\["image"\]'):
        next(iter(DataLoader(dataset, batch_size=2)))
    batch = next(iter(DataLoader(dataset.with_format("numpy"), batch_size=2)))
    assert batch["image"].shape == (2, 4, 3)
    assert batch["image"].dtype == np.uint8
    prepared = dataset.with_transform(
        lambda batch: {"x": [np.asarray(i) / 255 for i in batch["image"]], "y": batch["y"]}
    )
    batch = next(iter(DataLoader(prepared, batch_size=4)))
    assert batch["x"].shape == (4, 4, 3)
    assert batch["y"].tolist() == [0, 1, 2, 3]


WRONG = [
    ([99], IndexError, "99 is out of bounds"),
    ([0, -99], IndexError, "-99 is out of bounds"),
]


@pytest.mark.parametrize(("indices", "kind", "words"), WRONG)
def test_rows_that_are_not_there(indices, kind, words):
    with pytest.raises(kind, match=words):
        next(iter(DataLoader(made(["class"]), batch_sampler=[indices])))


def test_missing_values_name_the_field():
    with pytest.raises(TypeError, match=r'NoneType.* in sample\["sparse"\] of sample 3'):
        next(iter(DataLoader(made(["sparse"]), batch_sampler=[[1, 2, 4, 3]])))
    batch = next(iter(DataLoader(made(["sparse"]), batch_sampler=[[1, 2, 4]])))
    assert batch["sparse"].tolist() == [1, 2, 4]


def test_a_choice_of_split_is_asked_for():
    both = datasets.DatasetDict(train=made(["class"]), test=made(["class"]))
    with pytest.raises(TypeError, match=r"choose one of \['train', 'test'\].*datasets\['train'\]"):
        DataLoader(both)
    with pytest.raises(TypeError, match="a IterableDatasetDict holds a dataset"):
        DataLoader(datasets.IterableDatasetDict(train=made(["class"]).to_iterable_dataset()))


def test_a_format_that_needs_torch_says_so():
    if datasets.config.TORCH_AVAILABLE:
        pytest.skip("torch is installed")
    with pytest.raises(ValueError, match="PyTorch needs to be installed"):
        made(["class"]).with_format("torch")


def test_datasets_of_datasets():
    dataset = made(["class", "text"], 3)
    part = Subset(dataset, [5, 3, 8])
    assert shown(gathered(part, [2, 0])) == shown(gathered(dataset, [8, 5]))
    both = ConcatDataset([dataset, part])
    assert both[COUNT + 1] == dataset[3]


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("hub") / "rows")
    made(["class", "text", "int64 ragged", "float32 list"], 3).save_to_disk(folder, num_shards=2)
    return datasets.load_from_disk(folder)


@pytest.mark.parametrize("worker_type", ["thread", "process"])
@pytest.mark.parametrize("collate", [None, PadCollate(fields=["int64 ragged"], value=-1)])
def test_workers_give_the_same(on_disk, worker_type, collate):
    dataset = on_disk.with_format("numpy")
    if collate is None:
        dataset = dataset.remove_columns("int64 ragged")

    def batches(**options):
        loader = DataLoader(dataset, batch_size=7, collate_fn=collate, **options)
        return [shown(batch) for batch in loader]

    assert batches(num_workers=2, worker_type=worker_type) == batches()
    in_memory = Dataset.from_dict(dataset.with_format(None)[:], features=dataset.features)
    rows = DataLoader(in_memory.with_format("numpy"), batch_size=7, collate_fn=collate)
    assert [shown(batch) for batch in rows] == batches()


def test_resume(on_disk):
    dataset = on_disk.remove_columns("int64 ragged")

    def loader():
        return DataLoader(dataset, batch_size=4, shuffle=True, generator=np.random.default_rng(0))

    first = loader()
    passing = iter(first)
    next(passing), next(passing)
    second = loader()
    second.load_state_dict(first.state_dict())
    assert [shown(b) for b in second] == [shown(b) for b in passing]
