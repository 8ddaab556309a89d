import pytest

from rushlight.engines import load
from tests.engines.harness import using


class Watched:
    """The reference engine, remembering the graphs it planned and the programs' bindings."""

    name = "watched"

    def __init__(self):
        self.graphs = []
        self.runs = []

    def plan(self, graph):
        self.graphs.append(graph)
        return WatchedProgram(load("reference").plan(graph), self.runs)


class WatchedProgram:
    def __init__(self, program, runs):
        self.program, self.graph, self.runs = program, program.graph, runs

    def run(self, binding):
        self.runs.append((self.graph, binding.specs))
        return self.program.run(binding)


@pytest.fixture
def engine():
    """Sync points compute with the reference engine, which is watched."""
    with using(Watched()) as watched:
        yield watched
