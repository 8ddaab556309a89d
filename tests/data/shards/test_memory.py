"""How much memory a stream takes: its buffers', not its data's."""

import subprocess
import sys

import pytest

from rushlight.data import ShardWriter

BUDGET = 24 << 20
PROGRAM = """
import sys
from rushlight.data import DataLoader, ShardDataset, TarDataset
def main():
    urls, kind, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    made = TarDataset(urls) if kind == "tar" else ShardDataset(urls, lanes=2).shuffle(50)
    loader = DataLoader(made.decode(), 8, num_workers=workers, shuffle=kind == "tar" or None)
    print(1)
    first, most, count = held(), 0, 0
    for batch in loader:
        count += len(batch["__key__"])
        most = max(most, held())
    print(count, most - first)
def held():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("RssAnon"))
main()
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Ten times the budget."""
    folder, size = tmp_path_factory.mktemp("large"), 100_000
    with ShardWriter(str(folder / "s-%d.tar"), maxsize=BUDGET) as writer:
        for number in range(10 * BUDGET // size + 1):
            writer.write({"__key__": f"{number}", "bin": bytes([number % 256]) * size})
    return str(folder / "s-*.tar"), writer.total


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own account is read")
@pytest.mark.parametrize("kind", ["stream", "tar"])
@pytest.mark.parametrize("workers", [0, 2])
def test_peak_memory(kind, workers, large):
    """A buffer of 2 lanes x 50 samples x 0.1 MB, batches read ahead, and what reads them."""
    urls, total = large
    given = [sys.executable, "-c", PROGRAM, urls, kind, str(workers)]
    done = subprocess.run(given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    count, most = map(int, done.stdout.split()[1:])
    assert count == total
    assert most < BUDGET
