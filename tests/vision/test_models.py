"""ResNets: torchvision's keys, shapes and sizes; one of them learns."""

import pathlib
import subprocess
import sys

import pytest

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn
from rushlight.vision import models
from rushlight.vision.models.resnet import BasicBlock, Bottleneck, ResNet

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def keys_of_norm(name):
    return [f"{name}.{part}" for part in NORM]


def keys_by_rule(layers, convolutions, narrow_first):
    """The keys of a ResNet in order, by the rule of torchvision's names."""
    keys = ["conv1.weight", *keys_of_norm("bn1")]
    for stage, blocks in enumerate(layers, start=1):
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            for number in range(1, convolutions + 1):
                keys += [f"{name}.conv{number}.weight", *keys_of_norm(f"{name}.bn{number}")]
            if block == 0 and not (stage == 1 and narrow_first):
                keys += [f"{name}.downsample.0.weight", *keys_of_norm(f"{name}.downsample.1")]
    return [*keys, "fc.weight", "fc.bias"]


@pytest.fixture(scope="module")
def resnet18():
    return models.resnet18()


def test_keys_of_resnet18(resnet18):
    keys = list(resnet18.state_dict())
    assert keys == keys_by_rule([2, 2, 2, 2], 2, narrow_first=True)
    assert len(keys) == 122
    assert {"layer1.0.conv1.weight", "layer2.0.downsample.0.weight", "fc.bias"} <= set(keys)
    assert len(list(resnet18.parameters())) == 62


SHAPES = {
    "conv1.weight": [64, 3, 7, 7],
    "bn1.running_var": [64],
    "bn1.num_batches_tracked": [],
    "layer1.1.conv2.weight": [64, 64, 3, 3],
    "layer2.0.conv1.weight": [128, 64, 3, 3],
    "layer2.0.downsample.0.weight": [128, 64, 1, 1],
    "layer2.0.downsample.1.bias": [128],
    "layer4.1.bn2.weight": [512],
    "fc.weight": [1000, 512],
    "fc.bias": [1000],
}


def test_shapes_of_resnet18(resnet18):
    state = resnet18.state_dict()
    assert {name: list(state[name].shape) for name in SHAPES} == SHAPES


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_parameters_of_resnet18(resnet18):
    assert count(resnet18) == 11_689_512


@pytest.fixture
def no_draws(monkeypatch):
    """Millions of first values take seconds, and most tests here need none."""
    for name in ("Conv2d", "Linear"):
        monkeypatch.setattr(getattr(nn, name), "reset_parameters", lambda self: None)
    monkeypatch.setattr(nn.init, "kaiming_normal_", lambda weight, **_: nn.init.zeros_(weight))


@pytest.mark.parametrize(
    ("build", "layers", "convolutions", "parameters"),
    [
        (models.resnet34, [3, 4, 6, 3], 2, 21_797_672),
        (models.resnet50, [3, 4, 6, 3], 3, 25_557_032),
        (models.resnet101, [3, 4, 23, 3], 3, 44_549_160),
        (models.resnet152, [3, 8, 36, 3], 3, 60_192_808),
    ],
)
def test_the_larger_ones(no_draws, build, layers, convolutions, parameters):
    model = build()
    assert list(model.state_dict()) == keys_by_rule(layers, convolutions, convolutions == 2)
    assert count(model) == parameters


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({"groups": 32, "width_per_group": 4}, 25_028_904),  # ResNeXt-50 32x4d
        ({"width_per_group": 128}, 68_883_240),  # Wide ResNet-50-2
    ],
    ids=["resnext", "wide"],
)
def test_groups_and_widths(no_draws, options, parameters):
    assert count(ResNet(Bottleneck, [3, 4, 6, 3], **options)) == parameters


def small(block=BasicBlock, **options):
    return ResNet(block, [1, 1, 1, 1], num_classes=4, **options)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_shapes_of_results(no_draws, block):
    model = small(block).eval()
    with rl.no_grad():
        x = rl.randn(2, 3, 33, 40)
        assert model(x).shape == (2, 4)
        x = model.maxpool(model.relu(model.bn1(model.conv1(x))))
        sizes = [list(x.shape)]
        for stage in (model.layer1, model.layer2, model.layer3, model.layer4):
            x = stage(x)
            sizes.append(list(x.shape))
    wide = block.expansion
    assert sizes == [
        [2, 64, 9, 10],
        [2, 64 * wide, 9, 10],
        [2, 128 * wide, 5, 5],
        [2, 256 * wide, 3, 3],
        [2, 512 * wide, 2, 2],
    ]


def test_dilation_instead_of_stride(no_draws):
    model = small(Bottleneck, replace_stride_with_dilation=[False, True, True]).eval()
    assert model.layer3[0].conv2.dilation == (1, 1)
    assert model.layer4[0].conv2.dilation == (2, 2)
    assert model.layer4[0].conv2.stride == (1, 1)
    assert model.dilation == 4
    with rl.no_grad():
        x = model.layer2(model.layer1(rl.randn(1, 64, 8, 8)))
        assert model.layer4(model.layer3(x)).shape == (1, 2048, 4, 4)


def test_another_norm(no_draws):
    model = small(norm_layer=lambda planes: nn.GroupNorm(4, planes))
    assert isinstance(model.layer2[0].downsample[1], nn.GroupNorm)
    assert not list(model.buffers())


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_a_block_that_begins_as_the_identity(no_draws, block):
    model = small(block, zero_init_residual=True)
    last = model.layer1[0].bn2 if block is BasicBlock else model.layer1[0].bn3
    assert not last.weight.any()
    assert model.layer1[0].bn1.weight.all()


def test_first_values():
    rl.manual_seed(0)
    model = small()
    assert model.layer1[0].conv1.weight.std().item() == pytest.approx(
        (2 / (64 * 9)) ** 0.5, rel=0.05
    )
    assert model.bn1.weight.eq(1).all()
    assert model.bn1.bias.eq(0).all()


def test_a_residual_block_by_hand():
    block = BasicBlock(2, 2).eval()
    x = rl.randn(1, 2, 3, 3)
    with rl.no_grad():
        scale = 1 / (1 + block.bn1.eps) ** 0.5  # untrained: mean 0, variance 1
        inner = F.relu(F.conv2d(x, block.conv1.weight, padding=1) * scale)
        outer = F.conv2d(inner, block.conv2.weight, padding=1) * scale
        assert rl.allclose(block(x), F.relu(outer + x), atol=1e-6)


def test_a_step_lowers_the_loss():
    rl.manual_seed(0)
    model = small()
    x, y = rl.randn(4, 3, 32, 32), rl.tensor([0, 1, 2, 3])

    def loss_of():
        return F.cross_entropy(model(x), y)

    before = loss_of()
    before.backward()
    with rl.no_grad():
        for parameter in model.parameters():
            parameter -= 0.01 * parameter.grad
    assert model.bn1.num_batches_tracked == 1
    assert loss_of().item() < before.item()


@pytest.mark.parametrize(
    ("build", "kind", "words"),
    [
        (lambda: models.resnet18(weights="DEFAULT"), NotImplementedError, "weights=None"),
        (lambda: models.resnet18(pretrained=True), TypeError, "pretrained"),
        (lambda: models.resnet18("DEFAULT"), TypeError, "positional"),
        (lambda: small(groups=2), ValueError, "BasicBlock only supports"),
        (lambda: small(width_per_group=32), ValueError, "base_width=32"),
        (lambda: small(replace_stride_with_dilation=[True]), ValueError, "3-element tuple"),
        (
            lambda: small(replace_stride_with_dilation=[True] * 3),
            NotImplementedError,
            "not supported in BasicBlock",
        ),
    ],
)
def test_wrong_arguments(no_draws, build, kind, words):
    with pytest.raises(kind, match=words):
        build()


def test_models_are_found_where_one_looks():
    command = (
        "import rushlight as rl; rl.vision.models.resnet18; rl.vision.models.resnet.BasicBlock"
    )
    where = pathlib.Path(rl.__file__).parents[1]
    subprocess.run([sys.executable, "-c", command], cwd=where, check=True)
