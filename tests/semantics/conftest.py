import pytest

from rushlight.engines import load
from rushlight.graph.recorder import recorder
from tests.engines.harness import using
from tests.semantics.watching import Watched


@pytest.fixture(autouse=True)
def nothing_pending():
    """No work of one test is left for the next; what modules made for theirs is computed."""
    recorder().compute()
    yield
    recorder().pending.clear()
    recorder().journal.clear()


@pytest.fixture
def watched():
    """The engine in use, remembering what it plans and runs."""
    with using(Watched(load())) as engine:
        yield engine
