"""What `import rushlight` loads, and what it leaves for later."""

import subprocess
import sys

import pytest

OPTIONAL = ["pyarrow", "PIL", "fsspec", "matplotlib", "scipy", "jax", "torch"]
LATER = ["llvmlite", "rushlight.nn", "rushlight.optim", "rushlight.io", "rushlight.vision"]
LATER += ["rushlight.engines.cpu", "rushlight.engines.reference", "rushlight.testing"]
LATER += ["tqdm", "safetensors", "multiprocessing.pool", "concurrent.futures", "asyncio"]


def loaded_by(program):
    """The modules that are loaded when a fresh interpreter has run the program."""
    program += "\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def loaded():
    return loaded_by("import rushlight")


@pytest.mark.parametrize("name", OPTIONAL)
def test_import_loads_no_optional_package(loaded, name):
    assert name not in loaded


@pytest.mark.parametrize("name", LATER)
def test_import_leaves_for_later(loaded, name):
    assert name not in loaded


def test_data_needs_no_compiler():
    program = "import rushlight\nfrom rushlight.data import DataLoader\nlist(DataLoader([1, 2]))"
    assert "llvmlite" not in loaded_by(program)


def test_text_needs_no_engine_and_no_network():
    loaded = loaded_by("import rushlight.text\nrushlight.text.CharTokenizer.of('ab').encode('ba')")
    assert not loaded & {"llvmlite", "rushlight.engines.cpu", "tokenizers", "rushlight.io"}


def test_small_exact_programs_need_no_compiler():
    program = "import rushlight as rl\nassert (rl.ones(3) * 2 + 1).tolist() == [3, 3, 3]"
    assert "llvmlite" not in loaded_by(program)


@pytest.mark.parametrize("name", ["nn", "optim", "data", "text", "utils.data", "utils.checkpoint"])
def test_parts_are_found_without_being_imported_first(name):
    loaded_by(f"import rushlight\nassert rushlight.{name}.__name__ == 'rushlight.{name}'")
