"""What docs/differences.md lists as not built is absent, or raises with a word on what to do."""

import pickle

import pytest

import rushlight as rl
from rushlight import nn, optim
from rushlight.autograd import gradcheck
from rushlight.vision import datasets
from rushlight.vision.transforms import functional, v2

ABSENT = {
    rl: ["compile", "lobpcg", "sparse_coo_tensor", "jit"],
    nn: ["quantized", "qat"],
    optim: ["SparseAdam"],
    v2: ["SanitizeBoundingBoxes", "ConvertBoundingBoxFormat"],
    datasets: ["VOCDetection", "STL10"],
}


@pytest.mark.parametrize("module", ABSENT, ids=lambda module: module.__name__)
def test_absent_names_point_to_the_list(module):
    for name in ABSENT[module]:
        with pytest.raises(AttributeError, match=f"{name}.*docs/differences.md"):
            getattr(module, name)
        assert not hasattr(module, name)


@pytest.fixture
def leaf():
    return rl.ones(2, dtype=rl.float64, requires_grad=True)


RAISES = {
    "forward mode": lambda x: gradcheck(lambda x: x * 2, (x,), check_forward_ad=True),
    "sparse gradients": lambda x: nn.Embedding(3, 2, sparse=True),
    "results into a tensor": lambda x: rl.zeros(2, out=x),
    "named dimensions": lambda x: rl.zeros(2, names=("N",)),
    "capturable steps": lambda x: optim.Adam([x], capturable=True),
    "dtypes by kind of tensor": lambda x: v2.ToDtype({"others": rl.float32}),
    "gradients through transforms": lambda x: functional.hflip(x),
    "differentiable steps": lambda x: optim.Adam([x], differentiable=True),
}


@pytest.mark.parametrize("name", RAISES)
def test_what_is_not_built_says_so(leaf, name):
    with pytest.raises(NotImplementedError, match=r"not built"):
        RAISES[name](leaf)


@pytest.mark.parametrize("kind", ["cuda", "mps", "meta"])
def test_other_devices_are_an_error(leaf, kind):
    with pytest.raises(RuntimeError, match=f"(?s)Expected a device.*Actual: {kind}"):
        leaf.to(kind)
    assert not rl.cuda.is_available()


def test_pickles_of_others_are_not_read(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(RuntimeError, match="pickle"):
        rl.load(path)
