"""Where a loader stands: its seed, its epoch, its next batch, and what it was made of."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from . import arrays
from .order import OrderIterator, OrderState
from .sampler import OrderedSampler, innermost, order_of

VERSION = 1
_FIELDS = {"version": int, "seed": int, "epoch": int, "batch": int, "fingerprint": dict}


class Passes:
    """The passes over a loader, one after the other; the seed is drawn for the first.

    Later passes are later epochs of the same seed, until the generator is seeded anew.
    """

    def __init__(self, sampler: Any):
        self.sampler = sampler
        source = innermost(sampler)
        self._draws = isinstance(source, OrderedSampler) and source.draws
        self._generator = source.generator if self._draws else None
        self.next: OrderState | None = None
        self._seeding: Any = None

    def begin(self) -> OrderState:
        """The state at the start of a new pass; the one after it is the next epoch."""
        state = self.upcoming()
        self.next = OrderState(state.seed, state.epoch + 1)
        return state

    def upcoming(self) -> OrderState:
        """The state that the next pass will start from."""
        seeding = arrays.seeding(self._generator)
        if self.next is None or seeding != self._seeding:
            self.next = OrderState(self._new_seed(seeding[0]), 0)
            self._seeding = seeding
        return self.next

    def resume(self, state: OrderState) -> None:
        """Let the next pass start here."""
        self.next, self._seeding = state, arrays.seeding(self._generator)

    def _new_seed(self, started_from: int) -> int:
        # A pass in order leaves the generator alone.
        return arrays.draw_seed(self._generator) if self._draws else started_from

    def indices(self, state: OrderState) -> Iterator[Any]:
        """What the sampler gives from a state on; an order is entered there at once."""
        order = order_of(self.sampler)
        if order is not None:
            return OrderIterator(order(state.seed, state.epoch), state)
        return map(_kept, itertools.islice(iter(self.sampler), state.position, None))


def _kept(index: Any) -> Any:
    """A batch's indices, which can be gone through once if they are an iterator, as a list."""
    return list(index) if isinstance(index, Iterator) else index


def as_dict(state: OrderState, fingerprint: dict[str, Any]) -> dict[str, Any]:
    """A loader's state as plain values that JSON can hold."""
    return {
        "version": VERSION,
        "seed": state.seed,
        "epoch": state.epoch,
        "batch": state.position,
        "fingerprint": fingerprint,
    }


def from_dict(values: Any, fingerprint: dict[str, Any]) -> OrderState:
    """The state in a dict of `as_dict`; ValueError where it belongs to another loader."""
    if not isinstance(values, dict):
        raise TypeError(f"load_state_dict expects a dict, but got {type(values).__name__}")
    for name, kind in _FIELDS.items():
        found = values.get(name)
        if type(found) is not kind or (kind is int and found < 0):
            raise ValueError(
                f"no state of a DataLoader: {name!r} should be of type {kind.__name__} and not "
                f"negative, but is {found!r}"
            )
    if values["version"] != VERSION:
        raise ValueError(
            f"this state has version {values['version']}; this Rushlight reads {VERSION}"
        )
    _check_fingerprint(values["fingerprint"], fingerprint)
    return OrderState(values["seed"], values["epoch"], values["batch"])


def _check_fingerprint(saved: dict[str, Any], present: dict[str, Any]) -> None:
    names = [name for name in {**present, **saved} if saved.get(name) != present.get(name)]
    if names:
        lines = [
            f"  {name}: {saved.get(name)!r} in the state, {present.get(name)!r} here"
            for name in names
        ]
        raise ValueError(
            "the state belongs to another loader; its next batch would not be the next one here:\n"
            + "\n".join(lines)
        )
