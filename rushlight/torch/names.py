"""Names of torch that are answered for its sake alone: switches, devices, old spellings."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import rushlight as rl
from rushlight.torch.finder import Facade

VERSION = "2.13.0"


# ------------------------------------------------------------------------------------------- torch
def compile(model: Any = None, **options: Any) -> Any:
    """What it is given: Rushlight compiles every program by itself."""
    if model is None:
        return lambda function: function
    return model


def save(obj: Any, f: Any, *_: Any, **options: Any) -> None:
    """`rushlight.save` in the form that torch.load reads."""
    rl.save(obj, f, format="torch")


def load(f: Any, map_location: Any = None, pickle_module: Any = None, **options: Any) -> Any:
    """`rushlight.load`."""
    known = {name: options[name] for name in ("weights_only", "mmap") if name in options}
    return rl.load(f, map_location, **known)


class _Switch:
    """A setting that a program may write and read back, and that changes nothing."""

    def __init__(self, value: Any):
        self.value = value

    def get(self) -> Any:
        """What was set last."""
        return self.value

    def set(self, value: Any, **options: Any) -> None:
        """Remember it."""
        self.value = value


def _variable(data: Any, requires_grad: bool = False, volatile: bool = False) -> Any:
    """The tensor itself: since PyTorch 0.4 every tensor is a variable."""
    return data.requires_grad_() if requires_grad else data


def _check_default(wanted: Any) -> None:
    """RuntimeError unless the device is the CPU, where everything is made anyway."""
    rl.zeros(0, device=wanted)


def _torch() -> Facade:
    precision, deterministic = _Switch("highest"), _Switch(False)
    own: dict[str, Any] = {f.__name__: f for f in (compile, save, load)}
    own |= {
        "__version__": VERSION,
        "set_float32_matmul_precision": precision.set,
        "get_float32_matmul_precision": precision.get,
        "use_deterministic_algorithms": deterministic.set,
        "are_deterministic_algorithms_enabled": deterministic.get,
        "set_num_interop_threads": lambda count: None,
        "get_num_interop_threads": lambda: 1,
        "set_default_device": _check_default,
        "get_default_device": lambda: rl.device("cpu"),
        "typename": lambda value: f"{type(value).__module__}.{type(value).__qualname__}",
    }
    return Facade("torch", "rushlight", own)


# ----------------------------------------------------------------------- devices that are not there
def _absent(path: str) -> Callable:
    """A function that says so when it is called, not when it is named."""

    def function(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            f"{path} is not available: this machine computes on the CPU alone\nRushlight has no "
            "accelerators and no process groups yet: ask torch.cuda.is_available() and the like "
            "first, as for PyTorch without a GPU."
        )

    function.__name__ = path.rpartition(".")[2]
    return function


def _none(*args: Any, **kwargs: Any) -> None:
    """Nothing, as where there is no such device."""


def _zero(*args: Any, **kwargs: Any) -> int:
    """0, as where there is no such device."""
    return 0


def _false(*args: Any, **kwargs: Any) -> bool:
    """False, as where there is no such device."""
    return False


def _device_module(name: str, behind: str | None = None) -> Facade:
    own: dict[str, Any] = dict.fromkeys(("is_available", "is_initialized", "is_built"), _false)
    own |= dict.fromkeys(("synchronize", "empty_cache", "manual_seed", "manual_seed_all"), _none)
    own |= dict.fromkeys(("reset_peak_memory_stats", "ipc_collect", "seed", "seed_all"), _none)
    own |= dict.fromkeys(("device_count", "memory_allocated", "max_memory_allocated"), _zero)
    own |= dict.fromkeys(("memory_reserved", "max_memory_reserved"), _zero)
    own |= {"is_bf16_supported": _false, "current_accelerator": _none}
    own |= {"get_rng_state_all": list, "set_rng_state_all": _none}
    return Facade(name, behind, own, _absent)


def _off(kind: Any, *leading: str) -> Any:
    """A class of `rushlight.amp` as it is for a GPU that is not there: switched off."""

    @functools.wraps(kind, updated=())
    def make(*args: Any, **kwargs: Any) -> Any:
        return kind("cpu", enabled=False)

    return make


def _cuda_amp() -> Facade:
    own = {"autocast": _off(rl.amp.autocast), "GradScaler": _off(rl.amp.GradScaler)}
    return Facade("torch.cuda.amp", "rushlight.amp", own)


def _amp() -> Facade:
    def grad_scaler(device: Any = "cuda", *args: Any, **kwargs: Any) -> Any:
        """A `GradScaler`, switched off for devices that are not there."""
        if str(device).partition(":")[0] != "cpu":
            return rl.amp.GradScaler("cpu", enabled=False)
        return rl.amp.GradScaler(device, *args, **kwargs)

    return Facade("torch.amp", "rushlight.amp", {"GradScaler": grad_scaler})


# ---------------------------------------------------------------------------------------- switches
@contextlib.contextmanager
def _flags(*args: Any, **kwargs: Any) -> Iterator[None]:
    """Switches within a `with`, which change nothing."""
    yield


def _switches(name: str, **values: Any) -> Facade:
    own = {"is_available": _false, "is_built": _false, "version": _none, "flags": _flags}
    return Facade(name, None, own | values)


def _backends() -> Facade:
    return Facade("torch.backends", None, {"fp32_precision": "ieee"})


def _backends_cuda() -> Facade:
    def accept(*args: Any, **kwargs: Any) -> None:
        """Accepted: there is one way to compute attention."""

    kinds = ("flash", "math", "mem_efficient", "cudnn")
    own: dict[str, Any] = {f"enable_{kind}_sdp": accept for kind in kinds}
    own |= {"sdp_kernel": _flags, "matmul": _switches("torch.backends.cuda.matmul")}
    own["matmul"].allow_tf32 = False
    return _switches("torch.backends.cuda", **own)


def _jit() -> Facade:
    def itself(function: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The function or module itself."""
        return (lambda given: given) if function is None else function

    own: dict[str, Any] = dict.fromkeys(("script", "trace", "ignore", "unused", "export"), itself)
    return Facade("torch.jit", None, own | {"is_scripting": _false, "is_tracing": _false})


def _version() -> Facade:
    return Facade("torch.version", None, {"__version__": VERSION, "cuda": None, "hip": None})


def _multiprocessing() -> Facade:
    own: dict[str, Any] = dict.fromkeys(("set_sharing_strategy", "freeze_support"), _none)
    own |= {"get_sharing_strategy": lambda: "file_system", "spawn": _absent("torch.spawn")}
    return Facade("torch.multiprocessing", "multiprocessing", own)


class DistributedDataParallel:
    """Copies of a module in several processes: there are none to form a group with."""

    def __init__(self, *args: Any, **kwargs: Any):
        _absent("torch.nn.parallel.DistributedDataParallel")()


def _parallel() -> Facade:
    own = {"DistributedDataParallel": DistributedDataParallel}
    return Facade("torch.nn.parallel", "rushlight.nn.parallel", own)


def _repeated(count: int) -> Callable[[Any], tuple]:
    """`_pair` and its kin: a number said as often as there are dimensions."""
    return lambda value: tuple(value) if hasattr(value, "__iter__") else (value,) * count


def _module_utils() -> Facade:
    names = {"_single": 1, "_pair": 2, "_triple": 3, "_quadruple": 4}
    own: dict[str, Any] = {name: _repeated(count) for name, count in names.items()}
    return Facade("torch.nn.modules.utils", None, own | {"_ntuple": _repeated})


# Where PyTorch keeps what stands in one place here.
_LAYERS = ("activation", "batchnorm", "container", "conv", "distance", "dropout", "flatten")
_LAYERS += ("fold", "instancenorm", "linear", "loss", "normalization", "padding", "pooling")
_LAYERS += ("pixelshuffle", "rnn", "sparse", "transformer", "upsampling")
_ELSEWHERE = {f"torch.nn.modules.{name}": "rushlight.nn" for name in _LAYERS}
_ELSEWHERE |= {
    f"torch.utils.data.{name}": "rushlight.data" for name in ("dataloader", "dataset", "sampler")
}
_ELSEWHERE["torch.utils.data._utils"] = "rushlight.data"
_ELSEWHERE["torch.utils.data._utils.collate"] = "rushlight.data"  # older programs go there
_ELSEWHERE["torchvision.transforms.transforms"] = "rushlight.vision.transforms"


def _torchvision() -> Facade:
    own = {"__version__": "0.28.0", "disable_beta_transforms_warning": _none}
    own |= {"set_image_backend": _none, "get_image_backend": lambda: "PIL"}
    return Facade("torchvision", "rushlight.vision", own)


FACADES: dict[str, Callable[[], Facade]] = {
    "torch": _torch,
    "torch.accelerator": lambda: _device_module("torch.accelerator"),
    "torch.amp": _amp,
    "torch.autograd": lambda: Facade(
        "torch.autograd", "rushlight.autograd", {"Variable": _variable}
    ),
    "torch.backends": _backends,
    "torch.backends.cuda": _backends_cuda,
    "torch.backends.cudnn": lambda: _switches(
        "torch.backends.cudnn",
        enabled=True,
        benchmark=False,
        deterministic=False,
        allow_tf32=True,
    ),
    **{
        f"torch.backends.{name}": functools.partial(_switches, f"torch.backends.{name}")
        for name in ("mps", "mkl", "mkldnn", "openmp", "opt_einsum")
    },
    "torch.cuda": lambda: _device_module("torch.cuda", "rushlight.cuda"),
    "torch.cuda.amp": _cuda_amp,
    "torch.distributed": lambda: _device_module("torch.distributed"),
    "torch.jit": _jit,
    "torch.multiprocessing": _multiprocessing,
    "torch.nn.modules.utils": _module_utils,
    "torch.nn.parallel": _parallel,
    "torch.utils.data.distributed": lambda: Facade(
        "torch.utils.data.distributed", "rushlight.data", {}, _absent
    ),
    **{name: functools.partial(Facade, name, behind, {}) for name, behind in _ELSEWHERE.items()},
    "torch.mps": lambda: _device_module("torch.mps"),
    "torch.xpu": lambda: _device_module("torch.xpu"),
    "torch.version": _version,
    "torchvision": _torchvision,
}


def facade(name: str) -> Facade:
    """The module of that name."""
    return FACADES[name]()
