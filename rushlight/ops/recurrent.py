"""One step of recurrent networks: the gates of the LSTM and the GRU.

The gates are one operation, so that its backward knows what the forward found: i, f, g and o, not
what they were computed of.
"""

from __future__ import annotations

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph.creation import literal
from rushlight.graph.movement import cut
from rushlight.graph.node import Node
from rushlight.ops.activation import widened
from rushlight.ops.constants import constant
from rushlight.ops.join import cat
from rushlight.ops.reduce import wide
from rushlight.tensor import Tensor, modes


def _parts(x: Node, count: int) -> list[Node]:
    """Equal parts of the columns, 16-bit ones in float32."""
    size = x.spec.shape[1] // count
    return [wide(cut(x, 1, i * size, size)) for i in range(count)]


def _sigmoid(x: Node) -> Node:
    one = literal(1, x.spec.dtype)
    return e.div(one, e.add(one, e.unary(e.EXP, e.neg(x))))


def _one_minus(x: Tensor) -> Tensor:
    return constant(1, x._spec.dtype) - x


class LstmGates(Operation):
    """c' = f c + i g and h = o tanh(c'), where i, f, o = sigmoid and g = tanh of the columns.

    The order of the columns is i, f, g, o (Hochreiter and Schmidhuber, 1997; Gers et al., 2000).
    """

    def forward(ctx, gates: Node, cell: Node) -> tuple[Node, Node]:
        dtype = gates.spec.dtype
        i, f, g, o = _parts(gates, 4)
        i, f, g, o = _sigmoid(i), _sigmoid(f), e.unary(e.TANH, g), _sigmoid(o)
        following = e.add(e.mul(f, wide(cell)), e.mul(i, g))
        bounded = e.unary(e.TANH, following)
        if ctx.recording:
            ctx.save_inputs(0, 1)
            ctx.save_values(i, f, g, o, bounded)
        return e.cast(e.mul(o, bounded), dtype), e.cast(following, dtype)

    def backward(ctx, of_hidden: Tensor, of_cell: Tensor) -> tuple[Tensor, Tensor]:
        gates, cell, i, f, g, o, bounded = ctx.saved
        cell, dtype = widened(cell), gates._spec.dtype
        if modes.grad:  # what was found is no function of the inputs to differentiate again
            i, f, g, o = [widened(part) for part in gates.chunk(4, 1)]
            i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            bounded = (f * cell + i * g).tanh()
        of_hidden, of_cell = widened(of_hidden), widened(of_cell)
        of_cell = of_cell + of_hidden * o * _one_minus(bounded * bounded)
        of_gates = [
            of_cell * g * i * _one_minus(i),
            of_cell * cell * f * _one_minus(f),
            of_cell * i * _one_minus(g * g),
            of_hidden * bounded * o * _one_minus(o),
        ]
        return cat([part.to(dtype) for part in of_gates], 1), of_cell * f


class GruGates(Operation):
    """h' = n + z (h - n), where r, z = sigmoid(x + y) and n = tanh(x + r y) of the columns.

    x comes from the inputs and y from the hidden state; the order of their columns is r, z, n
    (Cho et al., 2014).
    """

    def forward(ctx, x: Node, y: Node, hidden: Node) -> Node:
        dtype = x.spec.dtype
        first, second = _parts(x, 3), _parts(y, 3)
        r, z = _sigmoid(e.add(first[0], second[0])), _sigmoid(e.add(first[1], second[1]))
        n = e.unary(e.TANH, e.add(first[2], e.mul(r, second[2])))
        if ctx.recording:
            ctx.save_inputs(0, 1, 2)
            ctx.save_values(r, z, n, second[2])
        return e.cast(e.add(n, e.mul(z, e.sub(wide(hidden), n))), dtype)

    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, y, hidden, r, z, n, second = ctx.saved
        dtype, grad, hidden = x._spec.dtype, widened(grad), widened(hidden)
        if modes.grad:
            first = [widened(part) for part in x.chunk(3, 1)]
            *others, second = [widened(part) for part in y.chunk(3, 1)]
            r, z = (first[0] + others[0]).sigmoid(), (first[1] + others[1]).sigmoid()
            n = (first[2] + r * second).tanh()
        of_n = grad * _one_minus(z) * _one_minus(n * n)
        of_z = grad * (hidden - n) * z * _one_minus(z)
        of_r = of_n * second * r * _one_minus(r)
        of_x = cat([part.to(dtype) for part in (of_r, of_z, of_n)], 1)
        of_y = cat([part.to(dtype) for part in (of_r, of_z, of_n * r)], 1)
        return of_x, of_y, grad * z


def lstm_gates(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """The next hidden and cell state of (rows, 4 columns) and (rows, columns)."""
    return LstmGates.apply((gates, cell))


def gru_gates(x: Tensor, y: Tensor, hidden: Tensor) -> Tensor:
    """The next hidden state of the input's and the hidden state's (rows, 3 columns)."""
    return GruGates.apply((x, y, hidden))
