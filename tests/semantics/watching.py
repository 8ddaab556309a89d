"""An engine that remembers what it is given, and a network to train on it."""

import sys

import rushlight as rl


class Watched:
    """An engine that remembers the graphs it planned and the runs of their programs."""

    name = "watched"

    def __init__(self, engine):
        self.engine = engine
        self.graphs = []
        self.runs = []

    def plan(self, graph):
        self.graphs.append(graph)
        return WatchedProgram(self.engine.plan(graph), self)

    def forget(self):
        """Begin to count anew."""
        self.graphs.clear()
        self.runs.clear()

    def computed(self, primitive):
        """How many equations of this primitive were run."""
        return sum(
            equation.primitive.name == primitive
            for program, _ in self.runs
            for equation in program.graph.equations
        )

    def peak_bytes(self):
        """The planned peak of the latest run."""
        program, specs = self.runs[-1]
        return program.peak_bytes(specs)


class WatchedProgram:
    def __init__(self, program, watched):
        self.program, self.graph, self.watched = program, program.graph, watched

    def run(self, binding):
        self.watched.runs.append((self.program, binding.specs))
        return self.program.run(binding)


class Network:
    """Two layers with hand-written updates by momentum."""

    def __init__(self, sizes=(8, 16, 4), seed=0):
        random = rl.Generator().manual_seed(seed)
        shapes = [sizes[:2], sizes[1:2], sizes[1:], sizes[2:]]
        scale = [sizes[0] ** -0.5, 0.1, sizes[1] ** -0.5, 0.1]
        self.parameters = [
            (rl.randn(shape, generator=random) * s).requires_grad_()
            for shape, s in zip(shapes, scale, strict=True)
        ]
        self.velocities = [rl.zeros(p.shape) for p in self.parameters]
        rl.sync()

    def loss(self, x, y):
        w1, b1, w2, b2 = self.parameters
        return (((x @ w1 + b1).tanh() @ w2 + b2 - y) ** 2).mean()

    def update(self, rate=0.1):
        with rl.no_grad():
            for parameter, velocity in zip(self.parameters, self.velocities, strict=True):
                velocity.mul_(0.9).add_(parameter.grad)
                parameter.sub_(velocity * rate)
                parameter.grad = None

    def step(self, x, y):
        loss = self.loss(x, y)
        loss.backward()
        self.update()
        return loss

    def values(self):
        return [p.detach().numpy().copy() for p in self.parameters]


def batch(rows=6, seed=1, sizes=(8, 4)):
    random = rl.Generator().manual_seed(seed)
    x, y = (rl.randn(rows, size, generator=random) for size in sizes)
    rl.sync()
    return x, y


def same_bits(first, second):
    return all(
        a.dtype == b.dtype and a.tobytes() == b.tobytes()
        for a, b in zip(first, second, strict=True)
    )


def here():
    """This file and line of the caller, as an error names it."""
    frame = sys._getframe(1)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
