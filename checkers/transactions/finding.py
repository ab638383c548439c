"""Finding: an anomaly as numbers, before anybody puts it into words. And what is known of a history in all.

`Evidence` is what the rest works on: to look for cycles, to judge, to explain. It comes from the Python of
`list_append` and `rw_register` as an `Inference`, or from the compiled twin of both (`compiled`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from checkers.transactions.components import ANY_KIND, components
from checkers.transactions.dependency import REALTIME, Graph, Part
from checkers.transactions.transaction import Txn, Value

MOST_FINDINGS = 20
"""So many of each name are kept; all are counted."""


class UnrecoverableError(ValueError):
    """Two writes wrote the same, so that what was read does not say who wrote it."""

    def __init__(self, first: Txn, second: Txn, key: Value, value: Value) -> None:
        super().__init__(
            f"index {first.begin} and index {second.begin} both write {value!r} to {key!r}; "
            "every value must be written to a key once only"
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """An anomaly that is no cycle: its name, the transactions that show it, the key, and values.

    What stands in `txns` and `values`, and in which order, is said where the name is put into words.
    """

    name: str
    txns: tuple[int, ...]
    key: Value
    values: tuple[Value, ...] = ()


class Evidence(Protocol):
    """What a history of transactions says."""

    @property
    def txns(self) -> Sequence[Txn]:
        """The transactions by their numbers."""
        ...

    @property
    def types(self) -> Mapping[str, int]:
        """How many of them are ok, fail and info."""
        ...

    @property
    def findings(self) -> Sequence[Finding]:
        """Anomalies that are no cycles, the first of each name."""
        ...

    @property
    def counts(self) -> Mapping[str, int]:
        """How many there are of each name."""
        ...

    @property
    def dependencies(self) -> int:
        """How many edges follow from what was read and written."""
        ...

    @property
    def of_registers(self) -> bool:
        """Whether the orders of versions were inferred, not read."""
        ...

    def parts(self) -> Iterator[Part]:
        """The strongly connected components of at least two transactions."""
        ...

    def order(self, key: Value) -> tuple[Value, ...] | None:
        """The elements of a list as they were read; None where reads contradict each other."""
        ...

    def skipped(self, key: Value) -> frozenset[Value]:
        """Those elements that are no versions, because the append did not commit."""
        ...

    def later(self, key: Value, value: Value, level: int) -> Sequence[tuple[Value, int, int]]:
        """The values of a register that come later, and the two transactions that show it."""
        ...


@dataclass(slots=True)
class Inference:
    """Evidence, as the Python finds it. `committed` are transactions that did, as far as anybody knows."""

    txns: list[Txn]
    committed: list[bool]
    graph: Graph
    of_registers: bool
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    orders: dict[Value, tuple[Value, ...]] = field(default_factory=dict)
    unversioned: dict[Value, frozenset[Value]] = field(default_factory=dict)
    versions: dict[tuple[Value, Value], Mapping[int, Sequence[tuple[Value, int, int]]]] = field(
        default_factory=dict
    )

    @property
    def types(self) -> Mapping[str, int]:
        """How many are ok, fail and info."""
        return Counter(txn.type for txn in self.txns)

    @property
    def dependencies(self) -> int:
        """How many edges follow from what was read and written."""
        return self.graph.dependencies

    def find(self, name: str, *txns: int, key: Value, values: tuple[Value, ...] = ()) -> None:
        """Note an anomaly."""
        self.counts[name] += 1
        if self.counts[name] <= MOST_FINDINGS:
            self.findings.append(Finding(name, txns, key, values))

    def parts(self) -> Iterator[Part]:
        """The components of at least two transactions."""
        edges = self.graph.edges
        for members in components(edges, range(len(edges)), ANY_KIND, REALTIME):
            if sum(node < len(self.txns) for node in members) > 1:
                inside = set(members)
                yield {node: [edge for edge in edges[node] if edge[0] in inside] for node in members}

    def order(self, key: Value) -> tuple[Value, ...] | None:
        """The elements of a list, if its reads agree."""
        return self.orders.get(key)

    def skipped(self, key: Value) -> frozenset[Value]:
        """Those of them that are no versions."""
        return self.unversioned.get(key, frozenset())

    def later(self, key: Value, value: Value, level: int) -> Sequence[tuple[Value, int, int]]:
        """Later values of a register, and who shows it."""
        return self.versions.get((key, value), {}).get(level, ())


class Once(set[Hashable]):
    """What was said already."""

    def first(self, what: Hashable) -> bool:
        """Whether this is new; from now on it is not."""
        if what in self:
            return False
        self.add(what)
        return True
