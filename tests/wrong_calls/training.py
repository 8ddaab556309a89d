"""Wrong calls of optimisers, schedulers, data loaders, autograd and files."""


def _leaf(t):
    return t.nn.Parameter(t.ones(2))


def _sgd(t):
    return t.optim.SGD([_leaf(t)], lr=0.1)


def _loader(t, **options):
    return t.utils.data.DataLoader([1, 2, 3], **options)


ROWS = {
    # ---------------------------------------------------------- optimisers
    "no parameters": (ValueError, "empty", lambda t: t.optim.SGD([], lr=0.1)),
    "one tensor for a list": (TypeError, "iterable", lambda t: t.optim.SGD(_leaf(t), lr=0.1)),
    "a number as a parameter": (TypeError, "int", lambda t: t.optim.SGD([1], lr=0.1)),
    "a computed tensor": (ValueError, "non-leaf", lambda t: t.optim.SGD([_leaf(t) * 2], lr=0.1)),
    "a negative rate": (ValueError, "learning rate.*-1", lambda t: t.optim.SGD([_leaf(t)], lr=-1)),
    "two rates": (ValueError, "1-element", lambda t: t.optim.Adam([_leaf(t)], lr=t.ones(2))),
    "a negative momentum": (
        ValueError,
        "momentum.*-1",
        lambda t: t.optim.SGD([_leaf(t)], lr=1, momentum=-1),
    ),
    "a negative decay": (
        ValueError,
        "weight_decay.*-1",
        lambda t: t.optim.SGD([_leaf(t)], lr=1, weight_decay=-1),
    ),
    "Nesterov without momentum": (
        ValueError,
        "Nesterov",
        lambda t: t.optim.SGD([_leaf(t)], lr=1, nesterov=True),
    ),
    "betas of 1": (ValueError, "beta.*1.0", lambda t: t.optim.Adam([_leaf(t)], betas=(1.0, 0.9))),
    "a negative eps": (ValueError, "epsilon.*-1", lambda t: t.optim.Adam([_leaf(t)], eps=-1)),
    "an unknown option": (TypeError, "colour", lambda t: t.optim.Adam([_leaf(t)], colour=1)),
    "a parameter in two groups": (
        ValueError,
        "more than one parameter group",
        lambda t: _twice(t),
    ),
    "a group that is a list": (TypeError, "dict", lambda t: _sgd(t).add_param_group([1])),
    "a state with other groups": (
        ValueError,
        "parameter group",
        lambda t: _sgd(t).load_state_dict({"state": {}, "param_groups": []}),
    ),
    "a state with other sizes": (
        ValueError,
        "size|length|group",
        lambda t: _sgd(t).load_state_dict({"state": {}, "param_groups": [{"params": [0, 1]}]}),
    ),
    # ---------------------------------------------------------- schedulers
    "a schedule for nothing": (
        TypeError,
        "Optimizer",
        lambda t: t.optim.lr_scheduler.StepLR(1, step_size=1),
    ),
    "a schedule that goes on from nowhere": (
        KeyError,
        "initial_lr",
        lambda t: t.optim.lr_scheduler.StepLR(_sgd(t), step_size=1, last_epoch=3),
    ),
    "lambdas for other groups": (
        ValueError,
        "1",
        lambda t: t.optim.lr_scheduler.LambdaLR(_sgd(t), [abs, abs]),
    ),
    "a plateau by a factor of 1": (
        ValueError,
        "< 1.0",
        lambda t: t.optim.lr_scheduler.ReduceLROnPlateau(_sgd(t), factor=1.0),
    ),
    "a plateau of nothing known": (
        ValueError,
        "middle",
        lambda t: t.optim.lr_scheduler.ReduceLROnPlateau(_sgd(t), mode="middle"),
    ),
    "one cycle of no length": (
        ValueError,
        "total_steps",
        lambda t: t.optim.lr_scheduler.OneCycleLR(_sgd(t), max_lr=1),
    ),
    "restarts after nothing": (
        ValueError,
        "T_0",
        lambda t: t.optim.lr_scheduler.CosineAnnealingWarmRestarts(_sgd(t), T_0=0),
    ),
    # ---------------------------------------------------------- data
    "a batch of none": (ValueError, "batch_size", lambda t: _loader(t, batch_size=0)),
    "a batch of half": (ValueError, "batch_size", lambda t: _loader(t, batch_size=1.5)),
    "workers below none": (ValueError, "num_workers", lambda t: _loader(t, num_workers=-1)),
    "two orders": (
        ValueError,
        "(?s)sampler.*shuffle",
        lambda t: _loader(t, sampler=[0], shuffle=True),
    ),
    "two ways to batch": (
        ValueError,
        "batch_sampler",
        lambda t: _loader(t, batch_sampler=[[0]], batch_size=2),
    ),
    "a remainder of single samples": (
        ValueError,
        "drop_last",
        lambda t: _loader(t, batch_size=None, drop_last=True),
    ),
    "a negative timeout": (ValueError, "timeout", lambda t: _loader(t, timeout=-1)),
    "prefetching by nobody": (
        ValueError,
        "prefetch_factor",
        lambda t: _loader(t, prefetch_factor=2),
    ),
    "workers that stay without being": (
        ValueError,
        "persistent_workers",
        lambda t: _loader(t, persistent_workers=True),
    ),
    "samples of two lengths": (
        RuntimeError,
        "(?s)2.*3|equal size",
        lambda t: list(t.utils.data.DataLoader([t.ones(2), t.ones(3)], batch_size=2)),
    ),
    "samples that are objects": (
        TypeError,
        "object",
        lambda t: list(t.utils.data.DataLoader([object()])),
    ),
    "tensors of two lengths": (
        AssertionError,
        "(?i)size",
        lambda t: t.utils.data.TensorDataset(t.ones(2), t.ones(3)),
    ),
    "nothing to concatenate": (AssertionError, "empty", lambda t: t.utils.data.ConcatDataset([])),
    "lengths that do not add up": (
        ValueError,
        "Sum of input lengths",
        lambda t: t.utils.data.random_split([1, 2, 3], [1, 1]),
    ),
    "weights that count for no sample": (
        ValueError,
        "num_samples",
        lambda t: t.utils.data.WeightedRandomSampler([1.0], 0),
    ),
    "a sampler that replaces perhaps": (
        TypeError,
        "replacement",
        lambda t: t.utils.data.RandomSampler([1], replacement="perhaps"),
    ),
    "a place beyond a concatenation": (
        ValueError,
        "exceed",
        lambda t: t.utils.data.ConcatDataset([[1]])[-5],
    ),
    # ---------------------------------------------------------- autograd
    "backward from a vector": (
        RuntimeError,
        "scalar",
        lambda t: (_leaf(t) * 2).backward(),
    ),
    "backward from a constant": (
        RuntimeError,
        "does not require grad",
        lambda t: t.ones(1).backward(),
    ),
    "backward twice": (RuntimeError, "second time", lambda t: _twice_backward(t)),
    "a gradient of another shape": (
        RuntimeError,
        "(?i)mismatch|shape",
        lambda t: (_leaf(t) * 2).backward(t.ones(3)),
    ),
    "a gradient that is a number": (
        TypeError,
        "gradients|int",
        lambda t: (_leaf(t) * 2).backward(1),
    ),
    "a gradient of what was not used": (
        RuntimeError,
        "allow_unused",
        lambda t: t.autograd.grad((_leaf(t) * 2).sum(), _leaf(t)),
    ),
    "a gradient by a constant": (
        RuntimeError,
        "require grad",
        lambda t: t.autograd.grad((_leaf(t) * 2).sum(), t.ones(2)),
    ),
    "a computed tensor that needs no gradient": (
        RuntimeError,
        "leaf variables",
        lambda t: (_leaf(t) * 2).requires_grad_(False),
    ),
    "integers that need a gradient": (
        RuntimeError,
        "floating point",
        lambda t: t.tensor([1]).requires_grad_(),
    ),
    "retaining a constant's gradient": (
        RuntimeError,
        "retain_grad",
        lambda t: t.ones(1).retain_grad(),
    ),
    "a hook on a constant": (
        RuntimeError,
        "require",
        lambda t: t.ones(1).register_hook(lambda grad: grad),
    ),
    "a hook that gives another shape": (RuntimeError, "(?i)shape|size", lambda t: _bad_hook(t)),
    "detaching a view in place": (
        RuntimeError,
        "detach",
        lambda t: (_leaf(t) * 1)[0].detach_(),
    ),
    "a function that is called": (
        RuntimeError,
        "(?i)apply|forward|static",
        lambda t: _function(t)()(t.ones(1)),
    ),
    "a function without backward": (
        (NotImplementedError, RuntimeError),
        "backward",
        lambda t: _function(t).apply(_leaf(t)).sum().backward(),
    ),
    "a checkpoint of nothing callable": (
        TypeError,
        "callable",
        lambda t: __import__(t.__name__ + ".utils.checkpoint", fromlist=["checkpoint"]).checkpoint(
            1, t.ones(1, requires_grad=True), use_reentrant=False
        ),
    ),
    "a jacobian by text": (
        TypeError,
        "str",
        lambda t: t.autograd.functional.jacobian(lambda x: x, "a"),
    ),
    # ---------------------------------------------------------- files, settings
    "a file that is not there": (FileNotFoundError, "nowhere", lambda t: t.load("/nowhere/at.all")),
    "a folder that is not there": (
        (RuntimeError, FileNotFoundError),
        "nowhere",
        lambda t: t.save({}, "/nowhere/at.all"),
    ),
    "no threads": (RuntimeError, "positive", lambda t: t.set_num_threads(0)),
    "integers by default": (TypeError, "floating", lambda t: t.set_default_dtype(t.int32)),
    "autocast for nothing known": (RuntimeError, "nonsense", lambda t: t.autocast("nonsense")),
}


def _twice(t):
    parameter = _leaf(t)
    t.optim.SGD([{"params": [parameter]}, {"params": [parameter]}], lr=0.1)


def _twice_backward(t):
    loss = (_leaf(t) ** 2).sum()
    loss.backward()
    loss.backward()


def _bad_hook(t):
    leaf = _leaf(t)
    leaf.register_hook(lambda grad: t.ones(5))
    (leaf * 2).sum().backward()


def _function(t):
    class Double(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    return Double
