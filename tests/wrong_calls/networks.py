"""Wrong calls of modules, functions of networks and losses."""

ROWS = {
    # -------------------------------------------------------------------------------- modules
    "a layer of floats": (TypeError, "", lambda t: t.nn.Linear(2.5, 1)),
    "too narrow an input": (
        RuntimeError,
        "1x3 and 2x1|3.*2",
        lambda t: t.nn.Linear(2, 1)(t.ones(1, 3)),
    ),
    "integers into a layer": (
        RuntimeError,
        "dtype",
        lambda t: t.nn.Linear(2, 1)(t.ones(1, 2).long()),
    ),
    "a layer without an input": (TypeError, "input", lambda t: t.nn.Linear(2, 1)()),
    "a keyword that is not there": (TypeError, "colour", lambda t: t.nn.Linear(2, 1, colour=1)),
    "an attribute that is not there": (
        AttributeError,
        "'Linear'.*'colour'",
        lambda t: t.nn.Linear(2, 1).colour,
    ),
    "a parameter before __init__": (AttributeError, "__init__", lambda t: _unprepared(t)()),
    "a tensor as a parameter": (
        TypeError,
        "weight.*Parameter",
        lambda t: setattr(t.nn.Linear(2, 1), "weight", t.ones(1, 2)),
    ),
    "a number as a module": (TypeError, "Module", lambda t: t.nn.ModuleList([1])),
    "a number in a sequence": (TypeError, "Module", lambda t: t.nn.Sequential(1)),
    "a name with a dot": (
        KeyError,
        r'"\."',
        lambda t: t.nn.Module().add_module("a.b", t.nn.ReLU()),
    ),
    "an empty name": (KeyError, "empty", lambda t: t.nn.Module().add_module("", t.nn.ReLU())),
    "a buffer by number": (TypeError, "string", lambda t: t.nn.Module().register_buffer(1, None)),
    "a buffer that is a list": (
        TypeError,
        "list",
        lambda t: t.nn.Module().register_buffer("a", [1]),
    ),
    "a module without forward": (NotImplementedError, "forward", lambda t: t.nn.Module()(1)),
    "an unknown child": (
        AttributeError,
        "nowhere",
        lambda t: t.nn.Linear(2, 1).get_submodule("nowhere"),
    ),
    "to integers": (TypeError, "floating point", lambda t: t.nn.Linear(2, 1).to(t.int32)),
    "a mode of text": (ValueError, "bool", lambda t: t.nn.Linear(2, 1).train("yes")),
    "a state that misses a key": (
        RuntimeError,
        "(?s)Missing.*bias",
        lambda t: t.nn.Linear(2, 1).load_state_dict({"weight": t.ones(1, 2)}),
    ),
    "a state of another shape": (
        RuntimeError,
        r"(?s)weight.*\[1, 3\]",
        lambda t: t.nn.Linear(2, 1).load_state_dict({"weight": t.ones(1, 3), "bias": t.ones(1)}),
    ),
    "a state with a stranger": (
        RuntimeError,
        "(?s)Unexpected.*stranger",
        lambda t: t.nn.ReLU().load_state_dict({"stranger": t.ones(1)}),
    ),
    "a state that is a list": (TypeError, "list", lambda t: t.nn.ReLU().load_state_dict([1])),
    "an index beyond a list": (IndexError, "range", lambda t: t.nn.ModuleList([t.nn.ReLU()])[1]),
    "a key that is not there": (KeyError, "b", lambda t: t.nn.ModuleDict({"a": t.nn.ReLU()})["b"]),
    "a negative dropout": (ValueError, "-1", lambda t: t.nn.Dropout(-1)),
    "a dropout of 2": (ValueError, "2", lambda t: t.nn.Dropout(2)),
    "unknown padding": (ValueError, "other", lambda t: t.nn.Conv2d(1, 1, 3, padding="other")),
    "unknown padding mode": (
        ValueError,
        "other",
        lambda t: t.nn.Conv2d(1, 1, 3, padding_mode="other"),
    ),
    "groups that do not divide": (ValueError, "groups", lambda t: t.nn.Conv2d(3, 4, 1, groups=2)),
    "same with a stride": (
        ValueError,
        "strided",
        lambda t: t.nn.Conv2d(1, 1, 3, padding="same", stride=2),
    ),
    "other channels": (
        RuntimeError,
        r"2 channels.*3|3 channels.*2",
        lambda t: t.nn.Conv2d(2, 1, 1)(t.ones(1, 3, 2, 2)),
    ),
    "an image of two dimensions": (
        RuntimeError,
        "3D.*4D",
        lambda t: t.nn.Conv2d(1, 1, 1)(t.ones(2, 2)),
    ),
    "a filter larger than the image": (
        RuntimeError,
        "(?i)kernel size",
        lambda t: t.nn.Conv2d(1, 1, 5)(t.ones(1, 1, 2, 2)),
    ),
    "batches of vectors for images": (
        ValueError,
        "4D.*2D",
        lambda t: t.nn.BatchNorm2d(2)(t.ones(2, 2)),
    ),
    "one value for each channel": (
        ValueError,
        "more than 1 value",
        lambda t: t.nn.BatchNorm1d(2)(t.ones(1, 2)),
    ),
    "another normalised shape": (RuntimeError, r"\[3\]", lambda t: t.nn.LayerNorm(3)(t.ones(2, 2))),
    "channels that groups do not divide": (ValueError, "divisible", lambda t: t.nn.GroupNorm(2, 3)),
    "a word outside": (
        IndexError,
        "5|index out of range",
        lambda t: t.nn.Embedding(3, 2)(t.tensor([5])).tolist(),
    ),
    "a word of floats": (RuntimeError, "(?i)long|int64", lambda t: t.nn.Embedding(3, 2)(t.ones(1))),
    "padding outside the words": (
        AssertionError,
        "[Pp]adding_idx",
        lambda t: t.nn.Embedding(3, 2, padding_idx=5),
    ),
    "a pool that halves too much": (
        RuntimeError,
        "(?i)output size|too small",
        lambda t: t.nn.MaxPool2d(3)(t.ones(1, 1, 2, 2)),
    ),
    "padding more than half a pool": (
        RuntimeError,
        "half",
        lambda t: t.nn.MaxPool2d(2, padding=2)(t.ones(1, 1, 4, 4)),
    ),
    "another width into a recurrent layer": (
        RuntimeError,
        "(?s)2.*3|3.*2",
        lambda t: t.nn.LSTM(2, 4)(t.ones(1, 1, 3)),
    ),
    "an unknown nonlinearity": (ValueError, "sine", lambda t: t.nn.RNN(2, 4, nonlinearity="sine")),
    "heads that do not divide": (
        AssertionError,
        "divisible",
        lambda t: t.nn.MultiheadAttention(3, 2),
    ),
    "an upsampling to nowhere": (
        ValueError,
        "size or scale_factor",
        lambda t: t.nn.Upsample()(t.ones(1, 1, 2)),
    ),
    # -------------------------------------------------------------------------------- functions
    "an unknown resampling": (
        NotImplementedError,
        "wavy",
        lambda t: t.nn.functional.interpolate(t.ones(1, 1, 2), 4, mode="wavy"),
    ),
    "padding in pairs": (
        RuntimeError,
        "(?i)divisible|even",
        lambda t: t.nn.functional.pad(t.ones(2), (1,)),
    ),
    "padding of too many dimensions": (
        RuntimeError,
        "(?i)length|dimension",
        lambda t: t.nn.functional.pad(t.ones(2), (1, 1, 1, 1)),
    ),
    "a reflection wider than the image": (
        RuntimeError,
        "(?i)padding",
        lambda t: t.nn.functional.pad(t.ones(1, 1, 2), (3, 3), mode="reflect"),
    ),
    "attention to another width": (
        RuntimeError,
        "",
        lambda t: t.nn.functional.scaled_dot_product_attention(
            t.ones(1, 2, 3), t.ones(1, 2, 4), t.ones(1, 2, 4)
        ),
    ),
    "glu of an odd size": (RuntimeError, "even", lambda t: t.nn.functional.glu(t.ones(3))),
    "shuffled channels": (
        RuntimeError,
        "divisible",
        lambda t: t.nn.functional.pixel_shuffle(t.ones(1, 3, 2, 2), 2),
    ),
    # -------------------------------------------------------------------------------- losses
    "an unknown reduction": (
        ValueError,
        "most",
        lambda t: t.nn.functional.mse_loss(t.ones(1), t.ones(1), reduction="most"),
    ),
    "a class that does not exist": (
        IndexError,
        "Target 5 is out of bounds",
        lambda t: t.nn.functional.cross_entropy(t.ones(1, 3), t.tensor([5])),
    ),
    "another number of targets": (
        ValueError,
        r"\(1\).*\(2\)",
        lambda t: t.nn.functional.cross_entropy(t.ones(1, 3), t.tensor([0, 1])),
    ),
    "class weights of another length": (
        RuntimeError,
        "weight tensor",
        lambda t: t.nn.functional.cross_entropy(t.ones(1, 3), t.tensor([0]), t.ones(2)),
    ),
    "weights of another dtype": (
        RuntimeError,
        "(?i)double|float64",
        lambda t: t.nn.functional.nll_loss(t.ones(1, 3), t.tensor([0]), t.ones(3).double()),
    ),
    "a batch norm without eps": (
        ValueError,
        "eps must be positive",
        lambda t: t.nn.BatchNorm1d(2, eps=0.0)(t.ones(3, 2)),
    ),
    "a table of -1 words": (RuntimeError, "-1", lambda t: t.nn.Embedding(-1, 3)),
    "smoothing by 2": (
        RuntimeError,
        "label_smoothing",
        lambda t: t.nn.functional.cross_entropy(t.ones(1, 3), t.tensor([0]), label_smoothing=2.0),
    ),
    "floats as classes": (
        RuntimeError,
        "(?i)long|int64",
        lambda t: t.nn.functional.nll_loss(t.ones(1, 3), t.ones(1)),
    ),
    "a probability above 1": (
        RuntimeError,
        "between 0 and 1",
        lambda t: t.nn.functional.binary_cross_entropy(t.tensor([2.0]), t.ones(1)).item(),
    ),
    "targets of another shape": (
        ValueError,
        "size",
        lambda t: t.nn.functional.binary_cross_entropy(t.ones(2), t.ones(3)),
    ),
    "logits of another shape": (
        ValueError,
        "size",
        lambda t: t.nn.functional.binary_cross_entropy_with_logits(t.ones(2), t.ones(3)),
    ),
    "squares of shapes that do not fit": (
        RuntimeError,
        r"\(2\).*\(3\)",
        lambda t: t.nn.functional.mse_loss(t.ones(2), t.ones(3)),
    ),
    "a loss of width 0": (
        RuntimeError,
        "delta|0",
        lambda t: t.nn.functional.huber_loss(t.ones(1), t.ones(1), delta=0),
    ),
    "a negative beta": (
        RuntimeError,
        "beta|negative",
        lambda t: t.nn.functional.smooth_l1_loss(t.ones(1), t.ones(1), beta=-1),
    ),
    "a triplet of two shapes": (
        RuntimeError,
        "",
        lambda t: t.nn.functional.triplet_margin_loss(t.ones(1, 2), t.ones(1, 3), t.ones(1, 4)),
    ),
    "a margin of power 3": (ValueError, "p == 1", lambda t: t.nn.MultiMarginLoss(p=3)),
    "linear cross entropy of two widths": (
        RuntimeError,
        "in_features",
        lambda t: t.nn.functional.linear_cross_entropy(t.ones(1, 2), t.ones(3, 3), t.tensor([0])),
    ),
    "norms of nothing known": (
        RuntimeError,
        "non-finite",
        lambda t: t.nn.utils.clip_grad_norm_([_infinite(t)], 1.0, error_if_nonfinite=True),
    ),
    "a vector that is none": (
        TypeError,
        "list",
        lambda t: t.nn.utils.vector_to_parameters([1], []),
    ),
    "fans of a vector": (
        ValueError,
        "fewer than 2 dimensions",
        lambda t: t.nn.init.xavier_uniform_(t.ones(2)),
    ),
    "a gain of nothing known": (ValueError, "waves", lambda t: t.nn.init.calculate_gain("waves")),
}


def _unprepared(t):
    class Net(t.nn.Module):
        def __init__(self):
            self.weight = t.nn.Parameter(t.ones(1))

    return Net


def _infinite(t):
    parameter = t.nn.Parameter(t.ones(1))
    parameter.grad = t.tensor([float("inf")])
    return parameter
