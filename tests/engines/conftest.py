import pytest

from rushlight.engines import load
from tests.engines.harness import using


@pytest.fixture
def reference_engine():
    """Sync points compute with the reference engine."""
    with using(load("reference")) as engine:
        yield engine
