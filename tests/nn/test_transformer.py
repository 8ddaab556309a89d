"""Transformer layers and stacks: against their formulas, with keys, masks and gradients."""

import numpy as np
import pytest

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn
from rushlight.autograd import gradcheck


def close(found, expected, tolerance=1e-6):
    pairs = [each.detach().numpy() for each in (found, expected)]
    np.testing.assert_allclose(*pairs, rtol=tolerance, atol=tolerance)


def attended(attention, query, keys, **options):
    return attention(query, keys, keys, need_weights=False, **options)[0]


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu", F.silu])
def test_encoder_layer(norm_first, activation):
    layer = nn.TransformerEncoderLayer(
        4, 2, 8, 0.0, activation, batch_first=True, norm_first=norm_first
    )
    function = {"relu": F.relu, "gelu": F.gelu}.get(activation, activation)
    x, mask = rl.randn(2, 3, 4), rl.randn(3, 3)

    def feed(x):
        return layer.linear2(function(layer.linear1(x)))

    if norm_first:
        normed = layer.norm1(x)
        y = x + attended(layer.self_attn, normed, normed, attn_mask=mask)
        expected = y + feed(layer.norm2(y))
    else:
        y = layer.norm1(x + attended(layer.self_attn, x, x, attn_mask=mask))
        expected = layer.norm2(y + feed(y))
    close(layer(x, mask), expected)


@pytest.mark.parametrize("norm_first", [True, False])
def test_decoder_layer(norm_first):
    layer = nn.TransformerDecoderLayer(4, 2, 8, 0.0, batch_first=True, norm_first=norm_first)
    x, memory = rl.randn(2, 3, 4), rl.randn(2, 5, 4)
    padding = rl.tensor([[False] * 5, [False, False, True, True, True]])
    masks = {"key_padding_mask": padding}

    def feed(x):
        return layer.linear2(F.relu(layer.linear1(x)))

    if norm_first:
        normed = layer.norm1(x)
        y = x + attended(layer.self_attn, normed, normed)
        y = y + attended(layer.multihead_attn, layer.norm2(y), memory, **masks)
        expected = y + feed(layer.norm3(y))
    else:
        y = layer.norm1(x + attended(layer.self_attn, x, x))
        y = layer.norm2(y + attended(layer.multihead_attn, y, memory, **masks))
        expected = layer.norm3(y + feed(y))
    close(layer(x, memory, memory_key_padding_mask=padding), expected)


def test_stacks_are_their_layers_in_sequence():
    norm = nn.LayerNorm(4)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, 0.0), 3, norm)
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8, 0.0), 2)
    x, memory = rl.randn(3, 2, 4), rl.randn(5, 2, 4)
    expected = x
    for layer in encoder.layers:
        expected = layer(expected)
    close(encoder(x), norm(expected))
    expected = x
    for layer in decoder.layers:
        expected = layer(expected, memory)
    close(decoder(x, memory), expected)
    first, second = [layer.linear1.weight for layer in decoder.layers]
    assert first is not second
    close(first, second)


def test_a_causal_mask_is_known_without_looking():
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    assert mask.tolist() == [[0, -np.inf, -np.inf], [0, 0, -np.inf], [0, 0, 0]]
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True), 1)
    given = []
    encoder.layers[0].self_attn.register_forward_pre_hook(
        lambda module, args, kwargs: given.append(kwargs["is_causal"]), with_kwargs=True
    )
    x = rl.randn(2, 3, 4)
    found, same = encoder(x, mask), encoder(x, mask.clone())
    close(found, same)
    mask[0, 1] = 0.0
    encoder(x, mask)
    assert given == [True, False, False]


def test_a_later_place_does_not_change_an_earlier_one():
    net = nn.Transformer(8, 2, 1, 1, 16, 0.0, batch_first=True).eval()
    source, target = rl.randn(2, 4, 8), rl.randn(2, 5, 8)
    mask = net.generate_square_subsequent_mask(5)
    before = net(source, target, tgt_mask=mask)
    target[:, 3:] = 0
    after = net(source, target, tgt_mask=mask)
    close(after[:, :3], before[:, :3])
    assert (after[:, 3:] - before[:, 3:]).abs().max().item() > 1e-3


def test_keys():
    net = nn.Transformer(4, 2, 1, 1, 8, bias=False)
    attention = ["in_proj_weight", "out_proj.weight"]
    layer = [*[f"self_attn.{name}" for name in attention], "linear1.weight", "linear2.weight"]
    encoder = [f"encoder.layers.0.{name}" for name in (*layer, "norm1.weight", "norm2.weight")]
    both = [*layer[:2], *[f"multihead_attn.{name}" for name in attention], *layer[2:]]
    both += [f"norm{place}.weight" for place in (1, 2, 3)]
    decoder = [f"decoder.layers.0.{name}" for name in both]
    expected = [*encoder, "encoder.norm.weight", *decoder, "decoder.norm.weight"]
    assert list(net.state_dict()) == expected


def test_gradients():
    layer = nn.TransformerDecoderLayer(2, 1, 3, 0.0, F.gelu, dtype=rl.float64)
    inputs = [rl.randn(3, 1, 2, dtype=rl.float64, requires_grad=True) for _ in range(2)]
    weights = [layer.linear1.weight, layer.self_attn.in_proj_weight, layer.norm2.weight]
    assert gradcheck(lambda x, memory, *_: layer(x, memory), (*inputs, *weights))


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="tanh"), "should be relu/gelu"),
        (
            lambda: nn.Transformer(4, 2, 1, 1, 8)(rl.ones(3, 2, 4), rl.ones(3, 1, 4)),
            "the batch number of src and tgt must be equal",
        ),
        (
            lambda: nn.Transformer(4, 2, 1, 1, 8)(rl.ones(3, 2, 4), rl.ones(3, 2, 5)),
            "feature number of src and tgt",
        ),
    ],
)
def test_what_is_refused(run, words):
    with pytest.raises(RuntimeError, match=words):
        run()
