"""einsum and tensordot: products summed over axes that are named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from rushlight.ops.autocast import lowered
from rushlight.ops.check import check_axis, fail
from rushlight.ops.contraction import Contract, Labels
from rushlight.ops.matmul import check_dtypes
from rushlight.tensor import Tensor

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _fail(words: str) -> NoReturn:
    raise RuntimeError(f"einsum(): {words}")


def _parse_term(term: str, operand: int | None) -> list[int | None]:
    """The labels of one operand, with None for the ellipsis."""
    labels: list[int | None] = []
    position = 0
    while position < len(term):
        letter = term[position]
        if letter == ".":
            if term[position : position + 3] != "..." or None in labels:
                place = "the output" if operand is None else f"operand {operand}"
                _fail(f"found '.' for {place} that is not part of any ellipsis")
            labels.append(None)
            position += 3
        elif letter in _LETTERS:
            labels.append(_LETTERS.index(letter))
            position += 1
        else:
            _fail(
                f"invalid subscript given at index {position} in the equation string, "
                "subscripts must be in [a-zA-Z]"
            )
    return labels


def _parse(equation: str, count: int) -> tuple[list[list[int | None]], list[int | None] | None]:
    equation = equation.replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != count:
        more = "more" if len(terms) > count else "fewer"
        _fail(f"{more} subscripts than operands: {len(terms)} terms and {count} operands")
    inputs = [_parse_term(term, position) for position, term in enumerate(terms)]
    return inputs, _parse_term(right, None) if arrow else None


def _sublists(arguments: tuple) -> tuple[list[Tensor], list, list | None]:
    """The form with a list of numbers behind each operand, and perhaps one of the output."""
    operands = list(arguments[0::2])
    lists = list(arguments[1::2])
    output = operands.pop() if len(arguments) % 2 else None
    labels = [[None if item is Ellipsis else int(item) for item in each] for each in lists]
    if output is not None:
        output = [None if item is Ellipsis else int(item) for item in output]
    return operands, labels, output


def _spell_out(labels: list[int | None], tensor: Tensor, operand: int) -> list[int]:
    """The labels with negative ones for what the ellipsis covers, counted from the right."""
    named = len(labels) - (None in labels)
    covered = tensor.dim() - named
    if covered < 0 or (covered and None not in labels):
        _fail(
            f"the number of subscripts in the equation ({named}) "
            + ("is more than" if covered < 0 else "does not match")
            + f" the number of dimensions ({tensor.dim()}) for operand {operand}"
            + ("" if covered < 0 else " and no ellipsis was given")
        )
    result: list[int] = []
    for label in labels:
        result += range(-covered, 0) if label is None else (label,)
    return result


def _output_labels(inputs: list[list[int]], output: list[int | None] | None) -> list[int]:
    """The labels of the result: as given, or the ellipsis and then those that occur once."""
    every = [label for labels in inputs for label in labels]
    ellipsis = sorted({label for label in every if label < 0})
    if output is None:
        return ellipsis + sorted(
            label for label in {*every} if label >= 0 and every.count(label) == 1
        )
    result: list[int] = []
    for label in output:
        if label is not None and label not in every:
            name = _LETTERS[label] if label < len(_LETTERS) else label
            _fail(f"output subscript {name} does not appear in the equation for any input operand")
        result += ellipsis if label is None else (label,)
    if len(set(result)) != len(result):
        _fail("output subscript appears more than once in the output")
    return result


def _without_repeats(tensor: Tensor, labels: list[int]) -> tuple[Tensor, list[int]]:
    """The diagonal where a label occurs twice in one operand."""
    for label in [label for label in dict.fromkeys(labels) if labels.count(label) > 1]:
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if tensor.shape[first] != tensor.shape[second]:
                _fail(
                    f"subscript is repeated for an operand but the sizes don't match, "
                    f"{tensor.shape[second]} != {tensor.shape[first]}"
                )
            tensor = tensor.diagonal(0, first, second)
            rest = [old for place, old in enumerate(labels) if place not in (first, second)]
            labels = [*rest, label]
    return tensor, labels


def _sizes(tensors: list[Tensor], inputs: list[list[int]]) -> dict[int, int]:
    sizes: dict[int, int] = {}
    for operand, (tensor, labels) in enumerate(zip(tensors, inputs, strict=True)):
        for label, size in zip(labels, tensor.shape, strict=True):
            before = sizes.setdefault(label, size)
            if before != size and before != 1 and size != 1:
                name = _LETTERS[label] if 0 <= label < len(_LETTERS) else "..."
                _fail(
                    f"subscript {name} has size {size} for operand {operand} which does not "
                    f"broadcast with previously seen size {before}"
                )
            sizes[label] = size if before == 1 else before
    return sizes


def _reduced(tensor: Tensor, labels: list[int], kept: set[int]) -> tuple[Tensor, list[int]]:
    """The sum over the labels that nothing else has."""
    axes = tuple([axis for axis, label in enumerate(labels) if label not in kept])
    if not axes:
        return tensor, labels
    return tensor.sum(axes), [label for label in labels if label in kept]


def _narrowed(tensor: Tensor, labels: list[int], sizes: dict) -> tuple[Tensor, list[int]]:
    """Without dimensions of size 1 that another operand has larger: they broadcast."""
    pairs = list(zip(tensor.shape, labels, strict=True))
    kept = [(size, label) for size, label in pairs if size == sizes[label]]
    if len(kept) == len(labels):
        return tensor, labels
    return tensor.reshape([size for size, _ in kept]), [label for _, label in kept]


def _aligned(tensor: Tensor, labels: list[int], result: list[int]) -> Tensor:
    """The tensor with one dimension for each label of the result, of size 1 where it has none."""
    order = [labels.index(label) for label in result if label in labels]
    moved = tensor if order == sorted(order) else tensor.permute(order)
    if len(order) == len(result):
        return moved
    sizes = iter(moved.shape)
    return moved.reshape([next(sizes) if label in labels else 1 for label in result])


def _multiply(a: Tensor, left: list, b: Tensor, right: list, result: list) -> Tensor:
    if all(label in result for label in left if label in right):
        return _aligned(a, left, result) * _aligned(b, right, result)
    return Contract.apply((a, b), tuple(left), tuple(right), tuple(result))


@lowered
def einsum(equation: Any, *operands: Any) -> Tensor:
    """Products of tensors summed over the labels that the output lacks.

    `equation` names each dimension by a letter, as in "bij,bjk->bik"; "..." covers dimensions that
    broadcast, a letter twice in one operand takes the diagonal, and without "->" the letters that
    occur once make the output.  Also as einsum(x, [0, 1], y, [1, 2], [0, 2]).  Products are taken
    from left to right.  RuntimeError where labels and sizes do not fit.

    >>> import rushlight as rl
    >>> x = rl.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> rl.einsum("ij,kj->ik", x, x), rl.einsum("ii", x)
    (tensor([[ 5., 11.],
            [11., 25.]]), tensor(5.))
    """
    if isinstance(equation, str):
        if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = tuple(operands[0])
        tensors = list(operands)
        given, output = _parse(equation, len(tensors))
    else:
        tensors, given, output = _sublists((equation, *operands))
    if not tensors:
        _fail("must provide at least one operand")
    for other in tensors[1:]:
        check_dtypes("einsum", tensors[0], other)
    spelled = [_spell_out(labels, tensors[i], i) for i, labels in enumerate(given)]
    result = _output_labels(spelled, output)
    plain = [_without_repeats(t, labels) for t, labels in zip(tensors, spelled, strict=True)]
    sizes = _sizes([tensor for tensor, _ in plain], [labels for _, labels in plain])
    narrowed = [_narrowed(tensor, labels, sizes) for tensor, labels in plain]
    return _product(narrowed, result)


def _product(operands: list[tuple[Tensor, list[int]]], result: list[int]) -> Tensor:
    """The operands multiplied from left to right, summing as soon as a label is not needed."""
    total, labels = operands[0]
    for position in range(1, len(operands)):
        tensor, others = operands[position]
        later = {*result, *[label for _, rest in operands[position + 1 :] for label in rest]}
        total, labels = _reduced(total, labels, {*later, *others})
        tensor, others = _reduced(tensor, others, {*later, *labels})
        kept = [label for label in dict.fromkeys([*labels, *others]) if label in later]
        if position == len(operands) - 1:
            kept = [label for label in result if label in kept]
        total, labels = _multiply(total, labels, tensor, others, kept), kept
    total, labels = _reduced(total, labels, {*result})
    return _aligned(total, labels, result)


@lowered
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sums of products over several dimensions of both.

    `dims` is a number (the last ones of a with the first ones of b) or two lists of dimensions;
    a size of 1 broadcasts.
    """
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            words = f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}"
            raise RuntimeError(words)
        dims = range(a.dim() - dims, a.dim()), range(dims)
    over_a, over_b = [each if isinstance(each, Sequence) else (each,) for each in dims]
    over_a = [check_axis("tensordot", axis, a.dim()) for axis in over_a]
    over_b = [check_axis("tensordot", axis, b.dim()) for axis in over_b]
    for left, right in zip(over_a, over_b, strict=True):
        if a.shape[left] == 1 != b.shape[right]:
            b = b.sum(right, keepdim=True)
        elif b.shape[right] == 1 != a.shape[left]:
            a = a.sum(left, keepdim=True)
        elif a.shape[left] != b.shape[right]:
            fail(
                RuntimeError,
                "tensordot",
                f"contracted dimensions need to match, but first has size {a.shape[left]} in dim "
                f"{left} and second has size {b.shape[right]} in dim {right}",
                "equal sizes in contracted dimensions",
                f"shapes {list(a.shape)} and {list(b.shape)}",
            )
    check_dtypes("tensordot", a, b)
    labels_a = list(range(a.dim()))
    labels_b = list(range(a.dim(), a.dim() + b.dim()))
    for left, right in zip(over_a, over_b, strict=True):
        labels_b[right] = labels_a[left]
    free: Labels = tuple([label for label in labels_a if label not in labels_b])
    free += tuple([label for label in labels_b if label not in labels_a])
    if not over_a:
        return a.reshape((*a.shape, *(1,) * b.dim())) * b
    return Contract.apply((a, b), tuple(labels_a), tuple(labels_b), free)


FUNCTIONS = {"einsum": einsum, "tensordot": tensordot}
METHODS: dict[str, Any] = {}
