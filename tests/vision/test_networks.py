"""Networks beside the ResNets: torchvision's keys, numbers of parameters, shapes of results."""

import numpy as np
import pytest

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn
from rushlight.vision import models
from rushlight.vision.models import densenet, inception, mobilenetv2, vgg
from rushlight.vision.models.googlenet import GoogLeNetOutputs, Inception, transformed


@pytest.fixture(autouse=True)
def no_draws(monkeypatch):
    """Millions of first values take seconds, and the tests here need none of the real ones."""
    for name in ("Conv2d", "Linear"):
        monkeypatch.setattr(getattr(nn, name), "reset_parameters", lambda self: None)
    draws = "kaiming_normal_", "kaiming_uniform_", "trunc_normal_", "normal_", "xavier_uniform_"
    for name in draws:
        monkeypatch.setattr(nn.init, name, lambda weight, *_, **__: weight)


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


TABLE = [  # parameters as torchvision's documentation gives them, and entries of the state_dict
    ("alexnet", {}, 61_100_840, 16),
    ("vgg11", {}, 132_863_336, 22),
    ("vgg11_bn", {}, 132_868_840, 62),
    ("vgg13", {}, 133_047_848, 26),
    ("vgg13_bn", {}, 133_053_736, 76),
    ("vgg16", {}, 138_357_544, 32),
    ("vgg16_bn", {}, 138_365_992, 97),
    ("vgg19", {}, 143_667_240, 38),
    ("vgg19_bn", {}, 143_678_248, 118),
    ("squeezenet1_0", {}, 1_248_424, 52),
    ("squeezenet1_1", {}, 1_235_496, 52),
    ("mobilenet_v2", {}, 3_504_872, 314),
    ("densenet121", {}, 7_978_856, 727),
    ("densenet161", {}, 28_681_000, 967),
    ("densenet169", {}, 14_149_480, 1015),
    ("densenet201", {}, 20_013_928, 1207),
    ("googlenet", {}, 13_004_888, 364),
    ("googlenet", {"aux_logits": False}, 6_624_904, 344),
    ("inception_v3", {}, 27_161_264, 580),
    ("resnext50_32x4d", {}, 25_028_904, 320),
    ("resnext101_32x8d", {}, 88_791_336, 626),
    ("resnext101_64x4d", {}, 83_455_272, 626),
    ("wide_resnet50_2", {}, 68_883_240, 320),
    ("wide_resnet101_2", {}, 126_886_696, 626),
    ("vit_b_16", {}, 86_567_656, 152),
    ("vit_b_32", {}, 88_224_232, 152),
]


@pytest.mark.parametrize(("name", "options", "parameters", "entries"), TABLE)
def test_sizes(name, options, parameters, entries):
    model = getattr(models, name)(**options)
    assert count(model) == parameters
    assert len(model.state_dict()) == entries


NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def keys_of_norm(name):
    return [f"{name}.{part}" for part in NORM]


def keys_of_densenet(blocks):
    keys = ["features.conv0.weight", *keys_of_norm("features.norm0")]
    for block, layers in enumerate(blocks, start=1):
        for layer in range(1, layers + 1):
            name = f"features.denseblock{block}.denselayer{layer}"
            for number in (1, 2):
                keys += [*keys_of_norm(f"{name}.norm{number}"), f"{name}.conv{number}.weight"]
        if block < len(blocks):
            name = f"features.transition{block}"
            keys += [*keys_of_norm(f"{name}.norm"), f"{name}.conv.weight"]
    return [*keys, *keys_of_norm("features.norm5"), "classifier.weight", "classifier.bias"]


def keys_of_mobilenet():
    keys = ["features.0.0.weight", *keys_of_norm("features.0.1")]
    for number in range(1, 18):
        name = f"features.{number}.conv"
        inner = [f"{name}.0"] if number == 1 else [f"{name}.0", f"{name}.1"]
        for each in inner:
            keys += [f"{each}.0.weight", *keys_of_norm(f"{each}.1")]
        last = len(inner)
        keys += [f"{name}.{last}.weight", *keys_of_norm(f"{name}.{last + 1}")]
    keys += ["features.18.0.weight", *keys_of_norm("features.18.1")]
    return [*keys, "classifier.1.weight", "classifier.1.bias"]


def keys_of_basic(names):
    return [key for name in names for key in (f"{name}.conv.weight", *keys_of_norm(f"{name}.bn"))]


def keys_of_googlenet():
    keys = keys_of_basic(["conv1", "conv2", "conv3"])
    for block in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        name = f"inception{block}"
        inner = ["branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1"]
        keys += keys_of_basic([f"{name}.{each}" for each in inner])
    for name in ("aux1", "aux2"):
        keys += keys_of_basic([f"{name}.conv"])
        keys += [f"{name}.{each}" for each in ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias")]
    return [*keys, "fc.weight", "fc.bias"]


def keys_of_inception():
    stem = ["1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3"]
    keys = keys_of_basic([f"Conv2d_{name}" for name in stem])
    double = ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"]
    a = ["branch1x1", "branch5x5_1", "branch5x5_2", *double, "branch_pool"]
    c = ["branch1x1", *[f"branch7x7_{i}" for i in (1, 2, 3)]]
    c += [*[f"branch7x7dbl_{i}" for i in (1, 2, 3, 4, 5)], "branch_pool"]
    e = ["branch1x1", "branch3x3_1", "branch3x3_2a", "branch3x3_2b", "branch3x3dbl_1"]
    e += ["branch3x3dbl_2", "branch3x3dbl_3a", "branch3x3dbl_3b", "branch_pool"]
    blocks = {
        **dict.fromkeys(("5b", "5c", "5d"), a),
        "6a": ["branch3x3", *double],
        **dict.fromkeys(("6b", "6c", "6d", "6e"), c),
        "aux": ["conv0", "conv1"],
        "7a": ["branch3x3_1", "branch3x3_2", *[f"branch7x7x3_{i}" for i in (1, 2, 3, 4)]],
        **dict.fromkeys(("7b", "7c"), e),
    }
    for block, names in blocks.items():
        prefix = "AuxLogits" if block == "aux" else f"Mixed_{block}"
        keys += keys_of_basic([f"{prefix}.{name}" for name in names])
        keys += ["AuxLogits.fc.weight", "AuxLogits.fc.bias"] if block == "aux" else []
    return [*keys, "fc.weight", "fc.bias"]


def keys_of_pairs(*names):
    return [f"{name}.{part}" for name in names for part in ("weight", "bias")]


def keys_of_fire(numbers):
    inner = [f"features.{i}.{n}" for i in numbers for n in ("squeeze", "expand1x1", "expand3x3")]
    return keys_of_pairs("features.0", *inner, "classifier.1")


def keys_of_vit(layers):
    keys = ["class_token", *keys_of_pairs("conv_proj"), "encoder.pos_embedding"]
    for number in range(layers):
        name = f"encoder.layers.encoder_layer_{number}"
        keys += keys_of_pairs(f"{name}.ln_1")
        keys += [f"{name}.self_attention.in_proj_{part}" for part in ("weight", "bias")]
        inner = "self_attention.out_proj", "ln_2", "mlp.0", "mlp.3"
        keys += keys_of_pairs(*[f"{name}.{each}" for each in inner])
    return [*keys, *keys_of_pairs("encoder.ln", "heads.head")]


KEYS = [
    ("alexnet", keys_of_pairs(*[f"features.{i}" for i in (0, 3, 6, 8, 10)])
     + keys_of_pairs(*[f"classifier.{i}" for i in (1, 4, 6)])),
    ("vgg11", keys_of_pairs(*[f"features.{i}" for i in (0, 3, 6, 8, 11, 13, 16, 18)])
     + keys_of_pairs(*[f"classifier.{i}" for i in (0, 3, 6)])),
    ("squeezenet1_0", keys_of_fire([3, 4, 5, 7, 8, 9, 10, 12])),
    ("squeezenet1_1", keys_of_fire([3, 4, 6, 7, 9, 10, 11, 12])),
    ("mobilenet_v2", keys_of_mobilenet()),
    ("densenet121", keys_of_densenet((6, 12, 24, 16))),
    ("densenet201", keys_of_densenet((6, 12, 48, 32))),
    ("googlenet", keys_of_googlenet()),
    ("inception_v3", keys_of_inception()),
    ("vit_b_16", keys_of_vit(12)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "keys"), KEYS, ids=[name for name, _ in KEYS])
def test_keys(name, keys):
    assert list(getattr(models, name)(num_classes=2).state_dict()) == keys


@pytest.mark.parametrize(
    ("build", "size"),
    [
        (models.alexnet, 63),
        (models.squeezenet1_0, 48),
        (models.squeezenet1_1, 48),
        (models.mobilenet_v2, 33),
        (lambda **o: densenet.DenseNet(4, (2, 3), 8, **o), 40),
        (models.googlenet, 40),
        (models.inception_v3, 75),
    ],
)
def test_shapes_of_results(build, size):
    model = build(num_classes=4).eval()
    with rl.no_grad():
        assert model(rl.randn(2, 3, size, size + 1)).shape == (2, 4)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_vgg_halves_images_five_times(batch_norm):
    layers = vgg.make_layers(vgg.CONFIGURATIONS["D"], batch_norm)
    with rl.no_grad():
        assert layers.eval()(rl.randn(1, 3, 64, 33)).shape == (1, 512, 2, 1)
    pools = [isinstance(layer, nn.MaxPool2d) for layer in layers]
    assert sum(pools) == 5


def test_googlenet_in_training():
    model = models.googlenet(num_classes=3, transform_input=True)
    found = model(rl.randn(2, 3, 64, 64))
    assert isinstance(found, GoogLeNetOutputs)
    assert found._fields == ("logits", "aux_logits2", "aux_logits1")
    assert [part.shape for part in found] == [(2, 3)] * 3
    plain = models.googlenet(num_classes=3, aux_logits=False, init_weights=False)
    assert plain(rl.randn(2, 3, 64, 64)).shape == (2, 3)


def test_inception_in_training():
    assert inception.InceptionAux(768, 3)(rl.randn(2, 768, 17, 17)).shape == (2, 3)
    model = models.inception_v3(num_classes=3)
    model.AuxLogits = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(768, 3))
    found = model(rl.randn(2, 3, 75, 75))
    assert isinstance(found, inception.InceptionOutputs)
    assert found._fields == ("logits", "aux_logits")
    assert [part.shape for part in found] == [(2, 3)] * 2


@pytest.mark.parametrize(
    ("block", "channels", "size"),
    [
        (inception.InceptionA(8, 32), 256, 9),
        (inception.InceptionB(8), 488, 4),
        (inception.InceptionC(8, 16), 768, 9),
        (inception.InceptionD(8), 520, 4),
        (inception.InceptionE(8), 2048, 9),
    ],
)
def test_inception_blocks(block, channels, size):
    assert block.eval()(rl.randn(1, 8, 9, 9)).shape == (1, channels, size, size)


def test_images_are_normalised_otherwise():
    pixels = np.random.default_rng(0).random((1, 3, 2, 2))
    means = np.array([0.485, 0.456, 0.406])[:, None, None]
    deviations = np.array([0.229, 0.224, 0.225])[:, None, None]
    found = transformed(rl.tensor((pixels - means) / deviations))
    np.testing.assert_allclose(found.numpy(), (pixels - 0.5) / 0.5, rtol=1e-12)


def filled_with_draws(module):
    """With the first values that `no_draws` leaves out."""
    rl.manual_seed(0)
    for parameter in module.parameters():
        parameter.data = rl.randn(*parameter.shape) * 0.3
    return module.eval()


def test_an_inception_block_by_hand():
    block = filled_with_draws(Inception(2, 3, 4, 5, 6, 7, 8))
    x = rl.randn(1, 2, 5, 5)

    def basic(layer, x, padding=0):
        inner = F.conv2d(x, layer.conv.weight, padding=padding)
        scale = (layer.bn.weight / (1 + 1e-3) ** 0.5).view(1, -1, 1, 1)
        return (inner * scale + layer.bn.bias.view(1, -1, 1, 1)).clamp(min=0)

    pooled = F.max_pool2d(x, 3, 1, 1)
    expected = rl.cat(
        [
            basic(block.branch1, x),
            basic(block.branch2[1], basic(block.branch2[0], x), 1),
            basic(block.branch3[1], basic(block.branch3[0], x), 1),
            basic(block.branch4[1], pooled),
        ],
        1,
    )
    assert rl.allclose(block(x), expected, atol=1e-5)


def test_an_inverted_residual_by_hand():
    block = filled_with_draws(mobilenetv2.InvertedResidual(4, 4, 1, 2))
    block.conv[0][1].reset_parameters()
    block.conv[1][1].reset_parameters()
    block.conv[3].reset_parameters()
    x, scale = rl.randn(1, 4, 5, 5), 1 / (1 + 1e-5) ** 0.5
    wide = (F.conv2d(x, block.conv[0][0].weight) * scale).clamp(0, 6)
    each = F.conv2d(wide, block.conv[1][0].weight, padding=1, groups=8) * scale
    back = F.conv2d(each.clamp(0, 6), block.conv[2].weight) * scale
    assert rl.allclose(block(x), x + back, atol=1e-5)
    assert not mobilenetv2.InvertedResidual(4, 4, 2, 2).use_res_connect
    assert not mobilenetv2.InvertedResidual(4, 6, 1, 2).use_res_connect


@pytest.mark.parametrize(("width", "last"), [(0.5, 1280), (1.4, 1792)])
def test_mobilenet_of_other_widths(width, last):
    model = models.mobilenet_v2(width_mult=width)
    assert model.last_channel == last
    assert model.features[0][0].out_channels % 8 == 0


def test_a_densenet_that_saves_memory_gives_the_same():
    rl.manual_seed(0)
    plain = filled_with_draws(densenet.DenseNet(4, (2, 2), 8, num_classes=3))
    saving = densenet.DenseNet(4, (2, 2), 8, num_classes=3, memory_efficient=True).eval()
    saving.load_state_dict(plain.state_dict())
    x = rl.randn(2, 3, 32, 32)
    results = [model(x) for model in (plain, saving)]
    assert rl.allclose(*results)
    for result in results:
        result.sum().backward()
    for one, other in zip(plain.parameters(), saving.parameters(), strict=True):
        assert rl.allclose(one.grad, other.grad, rtol=1e-4, atol=1e-4)


def test_a_transformer_sees_patches_and_their_places():
    rl.manual_seed(0)
    sizes = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 16, "num_classes": 3}
    model = models.VisionTransformer(image_size=8, patch_size=4, **sizes)
    assert model.seq_length == 5
    assert not model(rl.randn(2, 3, 8, 8)).any()  # the last layer begins with zeros
    filled_with_draws(model)
    x = rl.randn(1, 3, 8, 8)
    turned = rl.cat([x[..., 4:], x[..., :4]], -1)
    assert not rl.allclose(model(x), model(turned), atol=1e-4)
    model.encoder.pos_embedding.data.zero_()
    assert rl.allclose(model(x), model(turned), atol=1e-6)
    with pytest.raises(ValueError, match="Expected 8 x 8 but got 8 x 9"):
        model(rl.randn(1, 3, 8, 9))
    with pytest.raises(ValueError, match="indivisible"):
        models.VisionTransformer(image_size=8, patch_size=3, **sizes)
    deeper = models.VisionTransformer(8, 4, **sizes, representation_size=5)
    assert [name for name, _ in deeper.heads.named_children()] == ["pre_logits", "act", "head"]


def test_what_densenets_drop():
    model = densenet.DenseNet(4, (2,), 8, num_classes=3, drop_rate=1.0)
    filled_with_draws(model).train()
    layer = model.features.denseblock1.denselayer1
    assert not layer(rl.randn(2, 8, 4, 4)).any()


@pytest.mark.parametrize(
    ("build", "kind", "words"),
    [
        (lambda: models.alexnet(weights="DEFAULT"), NotImplementedError, "rl.load"),
        (lambda: models.vgg16(weights=1), NotImplementedError, "weights=None"),
        (lambda: models.googlenet(weights=1), NotImplementedError, "weights=None"),
        (lambda: models.squeezenet.SqueezeNet("2_0"), ValueError, "version 2_0"),
        (lambda: mobilenetv2.InvertedResidual(4, 4, 3, 2), ValueError, "instead of 3"),
        (
            lambda: models.mobilenet_v2(inverted_residual_setting=[[1, 2]]),
            *(ValueError, "4-element list"),
        ),
    ],
)
def test_wrong_arguments(build, kind, words):
    with pytest.raises(kind, match=words):
        build()
