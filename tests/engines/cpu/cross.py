"""Emit kernels of every family for a processor that is not here.

    python -m tests.engines.cpu.cross avx512

Prints, as JSON, for each family how many kernels were verified and made into object code, and how
often its assembly uses whole vectors and multiply-adds on them.
"""

import json
import os
import platform
import re
import sys
from typing import NamedTuple

from rushlight.engines.cpu import compiler, machine, native, pictures, program
from rushlight.engines.cpu.processor import Processor


class Target(NamedTuple):
    """A processor to compile for, and how its assembly shows vectors."""

    triple: str
    architecture: str
    cpu: str
    features: dict
    vector: str
    multiply_add: str


_AVX512 = ("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "fma", "f16c")
TARGETS = {
    "avx512": Target(
        "x86_64-unknown-linux-gnu",
        "x86_64",
        "skylake-avx512",
        dict.fromkeys(_AVX512, True),
        r"%zmm\d",
        r"vf[n]?m(add|sub)\w+\s.*%zmm",
    ),
    "avx512-bf16": Target(
        "x86_64-unknown-linux-gnu",
        "x86_64",
        "cooperlake",
        dict.fromkeys(_AVX512 + ("avx512bf16",), True),
        r"%zmm\d",
        r"vdpbf16ps\s.*%zmm",
    ),
    "neon": Target(
        "aarch64-unknown-linux-gnu",
        "aarch64",
        "neoverse-n1",
        {"neon": True, "fp-armv8": True},
        r"\bv\d+\.(4s|2d|16b|8h)|\b[ldst]+[rp]\tq\d",
        r"fml[as]\tv\d+\.(4s|2d)",
    ),
    "macos": Target(
        "arm64-apple-darwin",
        "arm64",
        "apple-m1",
        {},
        r"fml[as]\.(4s|2d)|\bq\d+|\.(4s|2d|16b|8h)",
        r"fml[as]\.(4s|2d)\tv\d+",
    ),
}


def pretend(target: Target) -> None:
    """Make the compiler believe that this is the machine."""
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()

    def target_machine(cpu, features):
        found = llvm.Target.from_triple(target.triple)
        settings = {"opt": 2, "reloc": "pic", "codemodel": "small"}
        return found.create_target_machine(cpu=cpu, features=features, **settings)

    os.environ["RUSHLIGHT_BFLOAT16_DOT"] = "1"
    platform.machine = lambda: target.architecture
    machine.processor = lambda: Processor(target.cpu, target.features, "cross")
    machine.machine.cache_clear()
    compiler._target_machine = target_machine


class Collecting:
    """An engine that plans and emits, and lets the reference engine compute."""

    name = "collecting"

    def __init__(self):
        self.texts: dict[str, dict[str, None]] = {}

    def plan(self, graph):
        return _Collected(graph, self)


class _Collected:
    def __init__(self, graph, owner):
        from rushlight.engines import load

        self.graph, self.owner = graph, owner
        self.reference = load("reference").plan(graph)

    def run(self, binding):
        from rushlight.engines.cpu.binding import Bound, Tables
        from rushlight.engines.cpu.build import module_text

        tables = Tables(program.plan_graph(self.graph))
        bound = Bound(tables, binding.specs, binding.numbers)
        for position, step in enumerate(tables.native):
            kind = pictures.step_head(step).partition(":")[0]
            for _, emit in program._requests(step, bound.variant(position)):
                self.owner.texts.setdefault(kind, {})[module_text(emit)] = None
        return self.reference.run(binding)


def work(rl, functional) -> None:
    """Something of every family, in several dtypes."""
    for dtype in (rl.float32, rl.float64, rl.bfloat16, rl.float16):
        x = rl.rand(40, 33, dtype=rl.float32).to(dtype)
        rl.sync()
        y = (x @ x.t()).relu() + 1
        (y.softmax(1) * x.sum(1).exp().tanh(), y.sum(0), (y * 2).to(rl.int32).max()).__len__()
        functional.layer_norm(x * 2, (33,)).erf().sum().item()
        x.t().contiguous().sin().tolist()
    x, weight = rl.rand(2, 16, 9, 9), rl.rand(8, 16, 3, 3, requires_grad=True)
    rl.sync()
    image = functional.conv2d(x.requires_grad_(), weight, padding=1)
    functional.max_pool2d(functional.conv2d(image, weight[:, :8], stride=2), 2).sum().backward()
    weight.grad.tolist()
    q = rl.rand(2, 2, 40, 16, requires_grad=True)
    functional.scaled_dot_product_attention(q, q, q, is_causal=True).sum().backward()
    q.grad.tolist()
    rl.rand(200, 300).sum(0).tolist()
    places = rl.randint(0, 40, (50,))
    table = rl.rand(40, 33, requires_grad=True)
    functional.embedding(places, table).sum().backward()
    table.grad.tolist()
    rl.cat([table.detach(), table.detach() * 2]).cumsum(0).tolist()
    (rl.arange(5000) % 7 * 3).cumsum(0).tolist()


def count(texts: dict, target: Target) -> dict:
    """What the assembly of some kernels uses; each is verified and made into object code."""
    from rushlight.engines.cpu import build

    found = {"kernels": 0, "vectors": 0, "multiply_adds": 0}
    for text in texts:
        assert len(build.compile_object(text)) > 100
        assembly = build.assembly(text)
        found["kernels"] += 1
        found["vectors"] += len(re.findall(target.vector, assembly))
        found["multiply_adds"] += len(re.findall(target.multiply_add, assembly))
    return found


def main() -> None:
    target = TARGETS[sys.argv[1]]
    pretend(target)
    import rushlight as rl
    import rushlight.nn.functional as functional
    from rushlight.engines.cpu import host
    from tests.engines.harness import using

    host.MOST_EQUATIONS = -1
    with using(Collecting()) as collecting:
        work(rl, functional)
    results = {kind: count(texts, target) for kind, texts in collecting.texts.items()}
    runtime = native.runtime_text(
        {"arm64": "aarch64"}.get(target.architecture, target.architecture)
    )
    results["threads"] = count({runtime: None}, target)
    print(json.dumps(results))  # noqa: T201 - for the test that reads it


if __name__ == "__main__":
    main()
