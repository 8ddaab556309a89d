"""`import torch` answered by Rushlight: what programs ask of it, and what they are told."""

import contextlib
import io
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import rushlight as rl
from rushlight.torch import Missing, find_missing, find_missing_in, finder, install
from rushlight.torch.__main__ import main, report


@pytest.fixture(autouse=True)
def installed():
    if "torch" in sys.modules:
        pytest.skip("the real torch is loaded")
    install()
    yield
    finder.uninstall()


def test_the_modules_are_rushlight_s_own():
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    import torchvision
    from torch.optim import lr_scheduler
    from torch.utils.data import DataLoader
    from torchvision import transforms

    assert nn is rl.nn
    assert F is rl.nn.functional
    assert lr_scheduler is rl.optim.lr_scheduler
    assert DataLoader is rl.data.DataLoader
    assert transforms is rl.vision.transforms
    assert torchvision.models is rl.vision.models
    assert torch.Tensor is rl.Tensor
    assert torch.utils.data.Dataset is rl.data.Dataset
    assert rl.nn.__spec__.name == "rushlight.nn"
    assert torch.__version__.startswith("2.")
    assert "relu" in dir(torch)


NAMES = [
    "torch.cuda.is_available()",
    "torch.cuda.device_count()",
    "torch.backends.mps.is_available()",
    "torch.backends.cudnn.is_available()",
    "torch.accelerator.is_available()",
    "torch.xpu.is_available()",
    "torch.distributed.is_available()",
    "torch.distributed.is_initialized()",
    "torch.version.cuda",
    "torch.accelerator.current_accelerator()",
    "torch.cuda.max_memory_allocated()",
    "torch.jit.is_scripting()",
    "torch.backends.cuda.is_built()",
    "torch.cuda.is_bf16_supported()",
    "torch.mps.is_available()",
    "torch.are_deterministic_algorithms_enabled()",
    "torch.backends.cudnn.version()",
]


@pytest.mark.parametrize("question", NAMES)
def test_it_is_a_machine_without_a_gpu(question):
    import torch

    assert not eval(question, {"torch": torch})  # noqa: S307


STATEMENTS = [
    "torch.backends.cudnn.benchmark = True",
    "torch.backends.cuda.matmul.allow_tf32 = True",
    "torch.set_float32_matmul_precision('high')",
    "torch.use_deterministic_algorithms(True)",
    "torch.cuda.manual_seed_all(1); torch.cuda.empty_cache(); torch.cuda.synchronize()",
    "torch.set_default_device('cpu')",
    "import torch.multiprocessing as mp; mp.get_context('spawn')",
    "from torch.autograd import Variable; assert Variable(torch.ones(1)).item() == 1",
    "from torch import *; assert ones(2).sum() == 2",
    "import torch.distributed as dist; assert not dist.is_available()",
    "torch.jit.script(lambda x: x)(1)",
    "with torch.backends.cudnn.flags(enabled=False): pass",
    "assert torch.nn.DataParallel(torch.nn.Linear(2, 2))(torch.ones(1, 2)).shape == (1, 2)",
    "assert torch.compile(torch.nn.Linear(2, 2), mode='max-autotune')(torch.ones(2)).shape == (2,)",
    "assert torch.compile(dynamic=True)(abs)(-1) == 1",
    "import torch.backends.cudnn as cudnn; cudnn.deterministic = True",
    "assert isinstance(torch.FloatTensor([1.0, 2.0]), torch.FloatTensor)",
    "assert torch.LongTensor(2, 3).shape == (2, 3)",
    "assert not isinstance(torch.ones(1), torch.LongTensor)",
    "from torch.utils.tensorboard import SummaryWriter",
    "import safetensors.torch as st; st.load(st.save({'a': torch.ones(1)}))['a'].item()",
    "import torch.utils.checkpoint, torch.nn.utils.rnn, torch.nn.init, torch.autograd.functional",
    "with torch.device('cpu'): torch.ones(1)",
    "from torch.nn.parallel import DataParallel, DistributedDataParallel as DDP",
    "from torch.distributed import init_process_group, destroy_process_group",
    "import torch.utils.data.distributed as d; d.DistributedSampler",
    "from torch.utils.data.dataloader import DataLoader, default_collate",
    "from torch.utils.data._utils.collate import default_collate",
    "from torch.nn.modules.utils import _pair; assert _pair(2) == (2, 2) == _pair([2, 2])",
    "from torch.nn.modules.conv import Conv2d; from torch.nn.modules.module import Module",
    "import torch.multiprocessing as mp; mp.set_sharing_strategy('file_system')",
    "assert torch.ones(2).type(torch.LongTensor).dtype is torch.int64",
    "assert torch.ones(2).type('torch.DoubleTensor').dtype is torch.float64",
    "from torchvision.io import ImageReadMode, decode_image, read_image, write_png",
    "from torchvision.datasets.folder import IMG_EXTENSIONS, default_loader, make_dataset",
    "import torchvision.datasets as datasets; datasets.utils.check_integrity('none')",
    "from torch.utils.data.dataset import Dataset; from torch.utils.data.sampler import Sampler",
    "import torchvision.transforms.functional as TF; assert TF.hflip(torch.ones(1, 1, 2)).sum()",
    "from torchvision.transforms.transforms import Compose; assert Compose([abs])(-1) == 1",
    "from torchvision.transforms.functional import InterpolationMode; InterpolationMode.BILINEAR",
    "from torchvision.transforms import v2; v2.ToDtype(torch.float32, scale=True)",
    "import torchvision; torchvision.disable_beta_transforms_warning(); torchvision.transforms.v2",
    "from torchvision.transforms.autoaugment import AutoAugmentPolicy; AutoAugmentPolicy.CIFAR10",
]


@pytest.mark.parametrize("text", STATEMENTS)
def test_what_programs_do_first(text):
    import torch

    exec(text, {"torch": torch})


def test_calls_for_a_gpu_say_that_there_is_none():
    import torch
    import torch.distributed

    for call in (torch.cuda.current_device, torch.distributed.init_process_group):
        with pytest.raises(RuntimeError, match="not available"):
            call("nccl")
    with pytest.raises(RuntimeError, match="device"):
        torch.ones(1).to("cuda")
    with pytest.raises(RuntimeError, match="device"), torch.device("cuda"):
        pass


def test_mixed_precision_for_a_gpu_is_switched_off():
    import torch
    from torch.cuda.amp import GradScaler, autocast

    with autocast(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32
        with torch.autocast("cuda"):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32
    for scaler in (GradScaler(), torch.amp.GradScaler("cuda"), torch.amp.GradScaler()):
        assert not scaler.is_enabled()
    assert torch.amp.GradScaler("cpu").is_enabled()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.bfloat16


def test_files_are_torch_s(tmp_path):
    import torch

    torch.save({"x": torch.ones(2)}, tmp_path / "x.ckpt", pickle_protocol=4)
    assert (tmp_path / "x.ckpt").read_bytes().startswith(b"PK")
    found = torch.load(tmp_path / "x.ckpt", map_location="cpu", weights_only=False)
    assert found["x"].tolist() == [1, 1]


# --------------------------------------------------------------------------- names that are missing
MISSING = {
    "import torch\nx = torch.nonesuch(1)": ["torch.nonesuch"],
    "import torch.nonesuch": ["torch.nonesuch"],
    "from torch.nonesuch import x, y": ["torch.nonesuch"],
    "from torch import nn, nonesuch": ["torch.nonesuch"],
    "import torch.nn as nn\nnn.Nonesuch(1).more": ["torch.nn.Nonesuch"],
    "import torch.nn.functional as F\nclass A(F.nonesuch): pass": ["torch.nn.functional.nonesuch"],
    "from torchvision import transforms as T\nT.Nonesuch()": ["torchvision.transforms.Nonesuch"],
    "import torch as t\nt.a.b, t.a.c": ["torch.a"],
    "import torch\nif True:\n    torch.a1()\nelse:\n    torch.a2()": ["torch.a1", "torch.a2"],
    "import torch\nif hasattr(torch, 'a'):\n    torch.a()\nelse:\n    torch.b()": ["torch.b"],
    "import torch\ntry:\n    torch.a()\nexcept AttributeError:\n    torch.b()": ["torch.b"],
    "try:\n    from torch import a\nexcept ImportError:\n    a = None": [],
    "import torch\ntorch.a() if torch.cuda.is_available() else torch.ones(1)": [],
    "import torch\nif torch.cuda.is_available():\n    torch.a()": [],
    "from torch.nn.parallel import DistributedDataParallel as DDP": [],
    "import torch.utils.data.distributed as d\nd.DistributedSampler": [],
    "import torch\ntorch.cuda.nccl.version()\ntorch.distributed.all_reduce": [],
    "import torch\ntorch.Tensor.nonesuch\ntorch.ones(2).nonesuch": [],
    "import torch\ntorch.backends.cudnn.anything = True": [],
    "import torch.nn.functional as F\ndef f(F):\n    return F.nonesuch": [],
    "import numpy as torch\ntorch.nonesuch": [],
    "from .torch import nonesuch": [],
}


@pytest.mark.parametrize("text", MISSING)
def test_missing_names_are_found(text):
    assert sorted({name for name, _, _ in find_missing_in(text)}) == MISSING[text]


def test_modules_beside_the_program_are_read_too(tmp_path):
    (tmp_path / "main.py").write_text("import helper\nfrom package import part\n")
    (tmp_path / "helper.py").write_text("import torch\n\ntorch.nonesuch\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    part = "from torch import other\nimport helper\nfrom . import near\nfrom .far.deep import x\n"
    (tmp_path / "package" / "part.py").write_text(part)
    (tmp_path / "package" / "near.py").write_text("import torch\n\n\ntorch.nearby\n")
    (tmp_path / "package" / "far").mkdir()
    (tmp_path / "package" / "far" / "deep.py").write_text("from ..odd import x\n")
    (tmp_path / "package" / "odd.py").write_text("print 'an old program'\n")
    found = find_missing(str(tmp_path / "main.py"))
    names = [("torch.nearby", 4), ("torch.nonesuch", 3), ("torch.other", 1)]
    assert [(m.name, m.line) for m in sorted(found)] == names


def test_the_report_lists_each_name_once():
    rows = [Missing("torch.b", "/x/a.py", 3), Missing("torch.a", "a.py", 1)]
    words = report("a.py", [*rows, Missing("torch.b", "/x/c.py", 9)])
    assert "uses 2 names" in words
    assert "  torch.a  a.py:1\n  torch.b  a.py:3, c.py:9\n" in words


def test_the_command(tmp_path, capsys):
    script = tmp_path / "script.py"
    script.write_text("import torch\nprint(torch.nonesuch)\n")
    saved = sys.argv, sys.path[:]
    try:
        assert main([str(script)]) == 2
        assert "torch.nonesuch  script.py:2" in capsys.readouterr().err
        with pytest.raises(AttributeError, match="nonesuch"):
            main(["--anyway", str(script)])
        script.write_text("import sys, torch\nprint(sys.argv[1:], torch.ones(1), __name__)\n")
        assert main([str(script), "--lr", "1"]) == 0
        assert "['--lr', '1'] tensor([1.]) __main__" in capsys.readouterr().out
        assert main(["--check", str(script)]) == 0
        assert capsys.readouterr().out == ""
        with pytest.raises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
            main([str(tmp_path / "none.py")])
    finally:
        sys.argv, sys.path[:] = saved


def test_the_command_leaves_nothing_behind_without_it():
    program = "import rushlight.torch, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


PROCESSES = """
import multiprocessing
import torch
import torchvision.transforms


def work(number):
    return float(torch.ones(number).sum()), torchvision.transforms.Compose.__name__


if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(work, [2, 3]), torch.__file__ if hasattr(torch, "__file__") else "")
"""


def test_everything_can_be_taken_back():
    parallel, distributed = rl.nn.parallel, rl.data.distributed
    import torch.nn.parallel
    import torch.utils.data.distributed

    assert torch.nn.parallel.DataParallel is parallel.DataParallel
    assert torch.utils.data.distributed.DistributedSampler is distributed.DistributedSampler
    finder.uninstall()
    assert rl.nn.parallel is parallel
    assert rl.data.distributed is distributed
    assert "torch" not in sys.modules


def test_processes_that_a_program_starts_see_the_same(tmp_path):
    (tmp_path / "script.py").write_text(PROCESSES)
    command = [sys.executable, "-m", "rushlight.torch", str(tmp_path / "script.py")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert "[(2.0, 'Compose'), (3.0, 'Compose')]" in done.stdout, done.stderr


def environment():
    root = str(Path(rl.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}


def test_a_loaded_torch_is_not_replaced(monkeypatch):
    finder.uninstall()
    monkeypatch.setitem(sys.modules, "torch", sys)
    with pytest.raises(RuntimeError, match="not imported yet"):
        install()
