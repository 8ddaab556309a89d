"""The rows of all tables of operations, for tests that hold for each of them."""

import importlib
from pathlib import Path

import tests.ops
from tests.ops.harness import OpCase


def every_case() -> list[OpCase]:
    """The rows in the test files of the operations."""
    found: dict[int, OpCase] = {}
    for path in sorted(Path(tests.ops.__path__[0]).glob("test_*.py")):
        module = importlib.import_module(f"tests.ops.{path.stem}")
        for value in vars(module).values():
            if isinstance(value, list):
                rows = [row for row in value if isinstance(row, OpCase)]
                found.update({id(row): row for row in rows})
    return list(found.values())
