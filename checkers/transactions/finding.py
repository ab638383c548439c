"""Finding: an anomaly as numbers, before anybody puts it into words. And what one inference found in all."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from checkers.transactions.dependency import Graph
from checkers.transactions.transaction import Txn, Value


class UnrecoverableError(ValueError):
    """Two writes wrote the same, so that what was read does not say who wrote it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An anomaly that is no cycle: its name, the transactions that show it, the key, and values.

    What stands in `txns` and `values`, and in which order, is said where the name is put into words.
    """

    name: str
    txns: tuple[int, ...]
    key: Value
    values: tuple[Value, ...] = ()


@dataclass(slots=True)
class Inference:
    """What a history of transactions says: dependencies, anomalies, and for each key the order of versions.

    `committed` are the transactions that did, as far as anybody knows. `orders` has the elements of each list
    as they were read; a list whose reads contradict each other is not there. `skipped` are elements in there
    that are no versions, because the append did not commit. `later` has for each register and
    value, by level, the values that come later and the two transactions that show it.
    """

    txns: list[Txn]
    committed: list[bool]
    graph: Graph
    findings: list[Finding] = field(default_factory=list)
    orders: dict[Value, tuple[Value, ...]] = field(default_factory=dict)
    skipped: dict[Value, frozenset[Value]] = field(default_factory=dict)
    later: dict[tuple[Value, Value], Mapping[int, Sequence[tuple[Value, int, int]]]] = field(
        default_factory=dict
    )

    def find(self, name: str, *txns: int, key: Value, values: tuple[Value, ...] = ()) -> None:
        """Note an anomaly."""
        self.findings.append(Finding(name, txns, key, values))


class Once(set[Hashable]):
    """What was said already."""

    def first(self, what: Hashable) -> bool:
        """Whether this is new; from now on it is not."""
        if what in self:
            return False
        self.add(what)
        return True
