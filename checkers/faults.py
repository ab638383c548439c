"""Faults as the history tells them: from when to when, and whom they struck.

The nemesis records "start-<family>" and "stop-<family>", each as an invocation and a completion whose value
says what was done. A fault is in force from the invocation of its start to the completion of its stop, or to
the end of the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from checkers.history import History, Op

DEATHS = frozenset({"kill", "pause", "power"})
"""Families that leave a server unable to answer."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `begin` and `end` are indices of the history, `start` the operations that began it."""

    family: str
    begin: int
    end: int
    start: tuple[Op, ...]

    def covers(self, index: int) -> bool:
        """Whether it was, or may have been, in force at that line."""
        return self.begin <= index <= self.end

    def strikes(self, node: str) -> bool:
        """Whether the record of what was done names the node."""
        return any(_names(op.value, node) for op in self.start)


def faults(history: History) -> list[Fault]:
    """All faults of a run in the order in which they ended. A family is started again only after its stop."""
    found: list[Fault] = []
    begun: dict[str, list[Op]] = {}
    for op in history.nemesis:
        action, _, family = op.f.partition("-")
        if action == "start":
            begun.setdefault(family, []).append(op)
        elif action == "stop" and op.type != "invoke" and family in begun:
            start = begun.pop(family)
            found.append(Fault(family, start[0].index, op.index, tuple(start)))
    end = history[-1].index if len(history) else 0
    return found + [Fault(family, start[0].index, end, tuple(start)) for family, start in begun.items()]


def deaths(history: History, node: str) -> list[Fault]:
    """The faults that left `node` unable to answer."""
    return [fault for fault in faults(history) if fault.family in DEATHS and fault.strikes(node)]


def _names(value: Any, node: str) -> bool:
    """Whether a recorded value mentions a node, at any depth."""
    if isinstance(value, Mapping):
        return any(_names(part, node) for part in (*value, *value.values()))
    if isinstance(value, list | tuple):
        return any(_names(part, node) for part in value)
    return bool(value == node)
