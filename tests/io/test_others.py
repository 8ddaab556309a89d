"""Files and memory of other libraries: NumPy's, safetensors, DLPack."""

import io

import numpy as np
import pytest
import safetensors.numpy

import rushlight as rl
from rushlight.io.safetensors import load, load_file, save, save_file

ARRAYS = {
    "float": np.arange(6, dtype=np.float32).reshape(2, 3),
    "by columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "other byte order": np.arange(6, dtype=">i4").reshape(3, 2),
    "number": np.array(3, np.uint8),
    "empty": np.zeros((0, 3), np.int16),
    "bools": np.array([True, False]),
    "complex": np.array([1 + 2j]),
    "half": np.array([0.5], np.float16),
    "four": np.arange(24).reshape(1, 2, 3, 4).transpose(3, 1, 0, 2),
}


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("name", ARRAYS)
def test_numpy_files_are_read(tmp_path, name, mapped):
    array = ARRAYS[name]
    np.save(tmp_path / "x.npy", array)
    found = rl.load(tmp_path / "x.npy", mmap=mapped)
    assert type(found) is rl.Tensor
    assert np.array_equal(found.numpy(), array)
    assert found.shape == array.shape
    assert found.numpy().dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_archives_of_arrays_are_read(write):
    file = io.BytesIO()
    write(file, **ARRAYS)
    found = rl.load(io.BytesIO(file.getvalue()))
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert np.array_equal(found[name].numpy(), array)


def test_numpy_files_are_written(tmp_path):
    values = {"a": rl.arange(6.0).reshape(2, 3).T, "b": rl.tensor(True), "c": np.arange(2)}
    rl.save(values["a"], tmp_path / "x.npy")
    assert np.array_equal(np.load(tmp_path / "x.npy"), values["a"].numpy())
    rl.save(values, tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as found:
        assert set(found) == set(values)
        for name, value in values.items():
            assert np.array_equal(found[name], np.asarray(value))


@pytest.mark.parametrize(
    "value", [[1], {"x": 1}, {1: rl.ones(1)}, rl.ones(1).bfloat16(), np.array([None])]
)
def test_what_numpy_files_cannot_hold(value):
    with pytest.raises(TypeError, match="save"):
        rl.save(value, io.BytesIO(), format="numpy")


TENSORS = {
    "weight": rl.arange(6.0).reshape(2, 3),
    "turned": rl.arange(6).reshape(2, 3).T,
    "half": rl.tensor([0.5], dtype=rl.bfloat16),
    "flag": rl.tensor(True),
    "empty": rl.zeros(0, 2),
}


@pytest.mark.parametrize("mapped", [False, True])
def test_safetensors_files(tmp_path, mapped):
    path = tmp_path / "x.safetensors"
    save_file(TENSORS, path, metadata={"made by": "a test"})
    found = load_file(path, mmap=mapped)
    assert set(found) == set(TENSORS)
    for name, value in TENSORS.items():
        assert found[name].dtype is value.dtype
        assert rl.equal(found[name], value)
        assert rl.equal(rl.load(path, mmap=mapped)[name], value)
    with safetensors.safe_open(path, framework="numpy") as theirs:
        assert theirs.metadata() == {"made by": "a test"}
        assert np.array_equal(theirs.get_tensor("turned"), TENSORS["turned"].numpy())


def test_safetensors_of_the_package(tmp_path):
    arrays = {"a": np.arange(3), "b": np.ones((2, 2), np.float16)}
    safetensors.numpy.save_file(arrays, tmp_path / "x.safetensors")
    found = load_file(tmp_path / "x.safetensors")
    assert {name: value.tolist() for name, value in found.items()} == {
        name: value.tolist() for name, value in arrays.items()
    }
    assert np.array_equal(safetensors.numpy.load(save({"x": rl.arange(3)}))["x"], np.arange(3))
    assert load(safetensors.numpy.save(arrays))["a"].tolist() == [0, 1, 2]


def test_safetensors_by_format(tmp_path):
    rl.save({"x": rl.ones(2)}, tmp_path / "x", format="safetensors")
    assert list(safetensors.numpy.load_file(tmp_path / "x")) == ["x"]


def test_a_file_by_save_is_read_as_its_tensors(tmp_path):
    rl.save({"x": rl.ones(2), "epoch": 3}, tmp_path / "x.rl")
    assert load_file(tmp_path / "x.rl")["x"].tolist() == [1, 1]
    assert rl.load(tmp_path / "x.rl", mmap=True)["epoch"] == 3


WRONG = [[1], {"x": 1}, {1: rl.ones(1)}, {"__metadata__": rl.ones(1)}]


@pytest.mark.parametrize("value", WRONG, ids=str)
def test_what_safetensors_cannot_hold(value):
    with pytest.raises(TypeError, match=r"safetensors\.save"):
        save(value)
    with pytest.raises(TypeError, match="metadata"):
        save({}, {"x": 1})
    with pytest.raises(TypeError, match="complex128"):
        save({"x": rl.tensor([1j], dtype=rl.complex128)})


def test_dlpack_both_ways_with_numpy():
    array = np.arange(6.0).reshape(2, 3)
    assert rl.equal(rl.from_dlpack(array), rl.from_numpy(array))
    assert rl.from_dlpack(array.T).tolist() == array.T.tolist()
    value = rl.arange(6).reshape(2, 3)
    assert np.array_equal(np.from_dlpack(value), value.numpy())
    assert np.array_equal(np.from_dlpack(value.T), value.numpy().T)
    assert value.__dlpack_device__() == (1, 0)
    assert rl.from_dlpack(value).tolist() == value.tolist()
    from rushlight.utils.dlpack import from_dlpack, to_dlpack

    assert from_dlpack(to_dlpack(value.T)).tolist() == value.T.tolist()
    assert from_dlpack(array.__dlpack__()).tolist() == array.tolist()
    with pytest.raises(BufferError, match="require gradient"):
        np.from_dlpack(rl.ones(2, requires_grad=True))
