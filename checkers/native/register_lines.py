"""Registers judged straight from JSON lines: a million operations without a million objects.

Only objects that turn out to be broken are read into operations, to be explained. Lines of another form than
the plain one (`register_lines.hpp`) are left to `checkers.codec`, which also says what is wrong with them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from checkers.budget import Budget
from checkers.history import History, Op, Pair
from checkers.models import Label, Model, freeze
from checkers.native.registers import BRIEF, fits, reasons
from checkers.search import Entry, Result

if TYPE_CHECKING:
    from checkers.native._engine import RegisterLines

_MODELS = {
    "register": {"cas": False, "failures": False},
    "cas-register": {"cas": True, "failures": False},
    "etcd": {"cas": True, "failures": True},
}
"""Models that take keys from their field alone, and what they have."""
_LINE_BYTES = 90
"""Half an operation: its place in the table of calls, in its part, and in the prefix that explains."""
_op = msgspec.json.Decoder(Op)


class Lines:
    """The operations in the lines of a file, by object."""

    def __init__(self, engine: RegisterLines, text: bytes) -> None:
        self._engine = engine
        self._text = text
        sizes = engine.sizes()
        self.keys: Sequence[Label] = [msgspec.json.decode(engine.key(part)) for part in range(len(sizes))]
        self.operations = sum(sizes)
        self.judged = engine.judged()

    def pairs(self, key: Label) -> list[Pair]:
        """All operations of an object."""
        spans = self._engine.lines(self.keys.index(key))
        return list(History(_op.decode(self._text[start:stop]) for start, stop in spans).pairs)

    def results(self, budget: Budget) -> tuple[dict[Label, Result], dict[Label, Sequence[int]]]:
        """A result for each object, but without `order`: that stands beside it, by places of entries."""
        outcomes = self._engine.check(
            seconds=budget.seconds_left, memory=budget.bytes_left, brief=BRIEF, threads=os.cpu_count() or 1
        )
        why = reasons(budget)
        results: dict[Label, Result] = {}
        orders: dict[Label, Sequence[int]] = {}
        for part, (answer, _, configurations, stuck, order, states, limit) in enumerate(outcomes):
            values = [msgspec.json.decode(self._engine.value(part, state)) for state in states]
            frozen = tuple(freeze(value) for value in values)
            key = self.keys[part]
            results[key] = Result(answer, (), stuck, frozen, configurations, why[limit])
            orders[key] = order
        return results, orders


def read(model: Model, text: bytes, budget: Budget) -> Lines | None:
    """The lines as the engine reads them; None if they must be read in Python. Raises LimitReachedError."""
    if not fits(model) or model.name not in _MODELS:
        return None
    from checkers.native._engine import RegisterLines  # noqa: PLC0415 - it is not everywhere

    budget.charge(text.count(b"\n") * _LINE_BYTES)
    engine = RegisterLines(text, **_MODELS[model.name])
    if not engine.familiar or not all(_is_op(text[start:stop]) for start, stop in engine.nemesis()):
        return None
    budget.check_time()
    return Lines(engine, text)


def with_order(result: Result, part: Sequence[Entry], order: Sequence[int]) -> Result:
    """The result with its order, given the object's entries."""
    return replace(result, order=tuple(part[place] for place in order))


def _is_op(line: bytes) -> bool:
    try:
        _op.decode(line)
    except msgspec.DecodeError:
        return False
    return True
