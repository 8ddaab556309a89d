import io

import pytest

import rushlight as rl


@pytest.fixture
def through():
    """A value, saved and loaded."""

    def run(value, **options):
        file = io.BytesIO()
        rl.save(value, file)
        return rl.load(io.BytesIO(file.getvalue()), **options)

    return run


@pytest.fixture
def saved():
    """The bytes of a saved value."""

    def run(value):
        file = io.BytesIO()
        rl.save(value, file)
        return file.getvalue()

    return run
