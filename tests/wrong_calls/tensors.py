"""Wrong calls on tensors: made, shaped, indexed, written."""

ROWS = {
    # ---------------------------------------------------------- made
    "rows of unequal length": (
        ValueError,
        "expected sequence of length 2",
        lambda t: t.tensor([[1, 2], [3]]),
    ),
    "text as data": (TypeError, "str", lambda t: t.tensor("text")),
    "None as data": (RuntimeError, "NoneType", lambda t: t.tensor(None)),
    "a dict as data": (RuntimeError, "dict", lambda t: t.tensor({"a": 1})),
    "a text as dtype": (TypeError, "dtype", lambda t: t.zeros(2, dtype="float32")),
    "a negative size": (RuntimeError, "-1", lambda t: t.zeros(-1)),
    "half a size": (TypeError, "float", lambda t: t.zeros(2.5)),
    "an unknown keyword": (TypeError, "colour", lambda t: t.zeros(2, colour=1)),
    "integers that require grad": (
        RuntimeError,
        "floating point",
        lambda t: t.tensor([1], requires_grad=True),
    ),
    "an array of objects": (TypeError, "object", lambda t: t.from_numpy(_objects())),
    "from_numpy of a list": (TypeError, "list", lambda t: t.from_numpy([1])),
    "a range without a step": (RuntimeError, "nonzero", lambda t: t.arange(0, 3, 0)),
    "a range that goes away": (RuntimeError, "step sign", lambda t: t.arange(0, 3, -1)),
    "linspace of -1 steps": (RuntimeError, "non-negative", lambda t: t.linspace(0, 1, -1)),
    "eye of -1": (RuntimeError, "-1", lambda t: t.eye(-1)),
    "a range of nothing": (TypeError, "arange", lambda t: t.arange()),
    "half a permutation": (TypeError, "float", lambda t: t.randperm(2.5)),
    "half an identity": (TypeError, "float", lambda t: t.eye(2.5)),
    "full of text": (TypeError, "str", lambda t: t.full((2,), "a")),
    "a gradient perhaps": (TypeError, "str", lambda t: t.ones(1, requires_grad="perhaps")),
    "a split by text": (TypeError, "str", lambda t: t.ones(2).split("a")),
    "full without a size": (TypeError, "size", lambda t: t.full(2, 1)),
    "an unknown device": (RuntimeError, "nonsense", lambda t: t.zeros(1, device="nonsense")),
    # ---------------------------------------------------------- asked
    "item of two": (RuntimeError, "2 elements", lambda t: t.ones(2).item()),
    "truth of two": (RuntimeError, "ambiguous", lambda t: bool(t.ones(2))),
    "float of two": (ValueError, "one element", lambda t: float(t.ones(2))),
    "int of nothing": (ValueError, "one element", lambda t: int(t.ones(0))),
    "len of a number": (TypeError, "0-d", lambda t: len(t.tensor(1))),
    "iterating a number": (TypeError, "0-d", lambda t: list(t.tensor(1))),
    "a size that is not there": (IndexError, r"\[-2, 1\].*2", lambda t: t.ones(1, 1).size(2)),
    "an attribute that is not there": (AttributeError, "colour", lambda t: t.ones(1).colour),
    "numpy of what requires grad": (
        RuntimeError,
        "detach",
        lambda t: t.ones(1, requires_grad=True).numpy(),
    ),
    "numpy of bfloat16": (TypeError, "BFloat16", lambda t: t.ones(1).bfloat16().numpy()),
    "a tensor as a list index": (TypeError, "integer", lambda t: [1, 2][t.tensor(0.5)]),
    # ---------------------------------------------------------- shaped
    "view of other sizes": (RuntimeError, r"\[4\].*size 6", lambda t: t.ones(2, 3).view(4)),
    "view of a transposed": (
        RuntimeError,
        r"stride.*reshape",
        lambda t: t.ones(2, 3).t().view(6),
    ),
    "reshape to other sizes": (RuntimeError, r"\[5\].*6", lambda t: t.ones(2, 3).reshape(5)),
    "two unknown sizes": (RuntimeError, "one dimension", lambda t: t.ones(4).view(-1, -1)),
    "a size of -2": (RuntimeError, "-2", lambda t: t.ones(4).view(-2)),
    "permute too few": (RuntimeError, "dims", lambda t: t.ones(2, 3).permute(0)),
    "permute twice": (RuntimeError, "duplicate", lambda t: t.ones(2, 3).permute(0, 0)),
    "transpose outside": (IndexError, r"\[-2, 1\].*2", lambda t: t.ones(2, 3).transpose(0, 2)),
    "t of a cube": (RuntimeError, "2 dimensions.*3D", lambda t: t.ones(1, 1, 1).t()),
    "expand a 2 to 3": (RuntimeError, r"\(3\).*\(2\)", lambda t: t.ones(2).expand(3)),
    "expand to fewer": (RuntimeError, "number of sizes", lambda t: t.ones(2, 2).expand(2)),
    "unsqueeze outside": (IndexError, "3", lambda t: t.ones(2).unsqueeze(3)),
    "unflatten to other sizes": (
        RuntimeError,
        r"\[2, 2\].*6",
        lambda t: t.ones(6).unflatten(0, (2, 2)),
    ),
    "flatten backwards": (RuntimeError, "start_dim", lambda t: t.ones(1, 1).flatten(1, 0)),
    "narrow too far": (RuntimeError, r"exceeds.*\(3\)", lambda t: t.ones(3).narrow(0, 2, 2)),
    "select outside": (IndexError, "5", lambda t: t.ones(3).select(0, 5)),
    "split that does not add up": (
        RuntimeError,
        "sum exactly to 3",
        lambda t: t.ones(3).split([1, 1]),
    ),
    "chunks of none": (RuntimeError, "greater than 0", lambda t: t.ones(3).chunk(0)),
    "windows too wide": (RuntimeError, "3.*4", lambda t: t.ones(3).unfold(0, 4, 1)),
    "windows without a step": (RuntimeError, "step is 0", lambda t: t.ones(3).unfold(0, 1, 0)),
    "movedim of two to one": (TypeError, "movedim", lambda t: t.ones(1, 1).movedim((0, 1), 0)),
    "a diagonal of a vector": (IndexError, "1", lambda t: t.ones(2).diagonal()),
    "repeat too few": (RuntimeError, "repeat", lambda t: t.ones(2, 2).repeat(2)),
    "roll without agreement": (RuntimeError, "align", lambda t: t.ones(2).roll((1, 2), 0)),
    "flip twice": (RuntimeError, "multiple times", lambda t: t.ones(2).flip(0, 0)),
    # ---------------------------------------------------------- indexed
    "an index outside": (IndexError, "index 3.*size 3", lambda t: t.ones(3)[3]),
    "an index below": (IndexError, "index -4.*size 3", lambda t: t.ones(3)[-4]),
    "too many indices": (IndexError, "too many indices.*1", lambda t: t.ones(3)[0, 0]),
    "an index of a number": (IndexError, "0-dim", lambda t: t.tensor(1)[0]),
    "a text as index": (TypeError, "str", lambda t: t.ones(3)["a"]),
    "half an index": (IndexError, "float", lambda t: t.ones(3)[0.5]),
    "an index of floats": (IndexError, "tensors used as indices", lambda t: t.ones(3)[t.ones(1)]),
    "a backward slice": (ValueError, "greater than zero", lambda t: t.ones(3)[::-1]),
    "a mask of another length": (
        IndexError,
        r"mask \[2\].*\[3\]",
        lambda t: t.ones(3)[t.tensor([True, False])],
    ),
    "places that do not fit": (
        IndexError,
        "broadcast",
        lambda t: t.ones(3, 3)[t.tensor([0, 1]), t.tensor([0, 1, 2])],
    ),
    "a place in a list outside": (IndexError, "5", lambda t: t.ones(3)[[0, 5]].tolist()),
    # ---------------------------------------------------------- written
    "a value of another shape": (
        RuntimeError,
        "2.*3|3.*2",
        lambda t: _set(t.ones(3), slice(2), t.ones(3)),
    ),
    "a text as a value": (TypeError, "str", lambda t: _set(t.ones(3), 0, "a")),
    "a write to a leaf": (
        RuntimeError,
        "a leaf Variable that requires grad",
        lambda t: t.ones(1, requires_grad=True).add_(1),
    ),
    "a write through a view of a leaf": (
        RuntimeError,
        "a view of a leaf",
        lambda t: t.ones(2, requires_grad=True)[0].add_(1),
    ),
    "a write to what was expanded": (
        RuntimeError,
        "clone",
        lambda t: t.ones(1).expand(3).add_(t.arange(3.0)),
    ),
    "a result that grows": (RuntimeError, r"\[1\].*\[3\]", lambda t: t.ones(1).add_(t.ones(3))),
    "floats into integers": (RuntimeError, "cast", lambda t: t.tensor([1]).add_(0.5)),
    "fill with a vector": (RuntimeError, "0-dimension", lambda t: t.ones(2).fill_(t.ones(2))),
    "copy of another shape": (RuntimeError, r"\(?3", lambda t: t.ones(3).copy_(t.ones(2))),
    "a mask of integers": (
        RuntimeError,
        "bool",
        lambda t: t.ones(2).masked_fill_(t.ones(2).int(), 0),
    ),
    "random over nothing": (RuntimeError, "from|low", lambda t: t.ones(2).random_(3, 3)),
    "uniform backwards": (RuntimeError, "from", lambda t: t.ones(2).uniform_(1, 0)),
    "a negative deviation": (RuntimeError, "std", lambda t: t.ones(2).normal_(0, -1)),
    "a probability of 2": (RuntimeError, "2", lambda t: t.ones(2).bernoulli_(2.0)),
    "a data of text": (TypeError, "str", lambda t: setattr(t.ones(1), "data", "a")),
    "a gradient of another shape": (
        RuntimeError,
        "different size",
        lambda t: setattr(t.ones(2, requires_grad=True), "grad", t.ones(3)),
    ),
    "a gradient that is a number": (
        TypeError,
        "Tensor or None",
        lambda t: setattr(t.ones(2, requires_grad=True), "grad", 1.0),
    ),
    "a cast to nonsense": (RuntimeError, "nonsense", lambda t: t.ones(1).to("nonsense")),
}


def _objects():
    import numpy as np

    return np.array([object()])


def _set(x, key, value):
    x[key] = value
