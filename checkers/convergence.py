"""Convergence: once faults are healed and writing has ended, all replicas hold the same.

Eventual consistency says only this (Terry et al. 1995), and only a replica's own answer can show it. A
`snapshot` is one read of everything that one replica holds. Its `ok` value:

    {"node": name,                          which replica; if absent, the operation's `node`
     "documents": {key: revision, ...},     every document with its `_rev` (null where there is none)
     "collections": [name, ...]}            optional: what else must be equal, in any order

The last `ok` snapshot of each replica counts, so a run may ask again until they agree or patience ends. That
nothing is written meanwhile is the run's business. A replica that was asked and never answered leaves the
answer unknown; so does a history with snapshots of fewer than two replicas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from checkers.budget import Budget, LimitReachedError
from checkers.history import History, Op, Pair
from checkers.verdict import Anomaly, Limits, Verdict

_DOCUMENT_BYTES = 120  # a place in two sets
_MOST_DIFFERENCES = 20


@dataclass(frozen=True, slots=True)
class Convergence:
    """The checker. Each replica that differs from what most hold is one anomaly, `divergence`.

    Its operations are the two snapshots cut down to the documents that differ. `details` has `differences`,
    for each such key the revision at either node (null: not there), at most 20 of them, and their `count`.
    """

    def check(self, history: History, limits: Limits) -> Verdict:
        """Compare the last snapshots."""
        budget = Budget(limits)
        pairs = [pair for pair in history.pairs if pair.f == "snapshot"]
        try:
            snapshots = _last(pairs)
            for snapshot in snapshots.values():
                budget.check_time()
                budget.charge(_DOCUMENT_BYTES * len(snapshot.documents))
        except (LimitReachedError, _ShapeError) as error:
            return Verdict("unknown", reasons=(str(error),))
        anomalies = tuple(_compare(snapshots))
        reasons = () if anomalies else tuple(_doubts(pairs, snapshots))
        return Verdict(
            valid=False if anomalies else "unknown" if reasons else True,
            anomalies=anomalies,
            statistics={
                "replicas": sorted(snapshots),
                "documents": {node: len(snapshots[node].documents) for node in sorted(snapshots)},
                "diverged": len(anomalies),
            },
            reasons=reasons,
        )


class _ShapeError(ValueError):
    """A snapshot does not say what a snapshot must."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    node: str
    pair: Pair
    documents: Mapping[str, Any]
    collections: tuple[str, ...] | None

    def holds_the_same_as(self, other: _Snapshot) -> bool:
        return self.documents == other.documents and self.collections == other.collections

    def cut(self, keys: Sequence[str]) -> tuple[Op, Op]:
        """Its operation with these documents only."""
        value: dict[str, Any] = {"node": self.node}
        value["documents"] = {key: self.documents[key] for key in keys if key in self.documents}
        if self.collections is not None:
            value["collections"] = list(self.collections)
        assert self.pair.completion is not None
        return self.pair.invoke, msgspec.structs.replace(self.pair.completion, value=value)


def _last(pairs: Sequence[Pair]) -> dict[str, _Snapshot]:
    snapshots = {}
    for pair in pairs:
        if pair.type == "ok":
            snapshot = _parse(pair)
            snapshots[snapshot.node] = snapshot
    return snapshots


def _parse(pair: Pair) -> _Snapshot:
    value = pair.value
    where = f"the snapshot of index {pair.invoke.index}"
    if not isinstance(value, Mapping) or not isinstance(value.get("documents"), Mapping):
        raise _ShapeError(f'{where} must have a value {{"documents": {{key: revision}}}}')
    node = value.get("node") or pair.node
    if not isinstance(node, str):
        raise _ShapeError(f"{where} does not say which node answered")
    collections = value.get("collections")
    return _Snapshot(
        node, pair, value["documents"], None if collections is None else tuple(sorted(collections))
    )


def _compare(snapshots: Mapping[str, _Snapshot]) -> list[Anomaly]:
    ordered = list(snapshots.values())
    if not ordered:
        return []
    # Which replica is right cannot be known from here: the one that most agree with, then the first.
    usual = max(ordered, key=lambda one: sum(one.holds_the_same_as(other) for other in ordered))
    return [_divergence(usual, other) for other in ordered if not usual.holds_the_same_as(other)]


def _divergence(usual: _Snapshot, other: _Snapshot) -> Anomaly:
    nothing = object()
    here, there = usual.documents, other.documents
    keys = [
        key for key in dict.fromkeys((*here, *there)) if here.get(key, nothing) != there.get(key, nothing)
    ]
    differences = {
        key: {usual.node: here.get(key), other.node: there.get(key)} for key in keys[:_MOST_DIFFERENCES]
    }
    return Anomaly(
        name="divergence",
        sentence=_sentence(usual, other, keys),
        operations=(*usual.cut(keys[:_MOST_DIFFERENCES]), *other.cut(keys[:_MOST_DIFFERENCES])),
        details={"nodes": [usual.node, other.node], "count": len(keys), "differences": differences},
    )


def _sentence(usual: _Snapshot, other: _Snapshot, keys: Sequence[str]) -> str:
    if not keys:
        return f"replicas {usual.node} and {other.node} have different collections"
    key = keys[0]
    if key not in other.documents:
        first = f"{other.node} lacks document {key}"
    elif key not in usual.documents:
        first = f"only {other.node} has document {key}"
    else:
        revisions = f"{usual.documents[key]} and {other.documents[key]}"
        first = f"document {key} has revisions {revisions}"
    count = "one document" if len(keys) == 1 else f"{len(keys)} documents, the first"
    return f"replicas {usual.node} and {other.node} differ in {count}: {first}"


def _doubts(pairs: Sequence[Pair], snapshots: Mapping[str, _Snapshot]) -> list[str]:
    """Why replicas that look the same prove nothing."""
    silent = {str(p.invoke.node or p.invoke.value) for p in pairs if p.type != "ok"} - {
        str(p.invoke.node or p.invoke.value) for p in pairs if p.type == "ok"
    }
    doubts = [f"no snapshot of {target} succeeded" for target in sorted(silent)]
    if len(snapshots) < 2:
        doubts.append(
            f"convergence needs snapshots of two replicas or more, and there is {len(snapshots) or 'none'}"
        )
    return doubts
