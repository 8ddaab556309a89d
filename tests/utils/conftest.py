import pytest

from rushlight.utils import download
from tests.utils.serving import serving


@pytest.fixture
def server(monkeypatch):
    """A server on this machine, asked without pauses and without a proxy."""
    monkeypatch.setattr(download, "_PAUSES", (0,))
    monkeypatch.setenv("no_proxy", "*")
    with serving() as found:
        yield found
