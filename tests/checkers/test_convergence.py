"""Replicas at the end of a run: the same, not the same, or not known."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.convergence import Convergence
from checkers.history import History, Op
from checkers.verdict import Limits, Verdict

A = {"k1": "r1", "k2": "r2"}


def snapshots(*answers: tuple[str, Any], limits: Limits | None = None) -> Verdict:
    """One snapshot after the other: (node, value), value None if it failed."""
    ops: list[Op] = []
    for node, value in answers:
        index = len(ops)
        ops.append(Op(index, index, 0, "invoke", "snapshot", node=node))
        kind: Any = "fail" if value is None else "ok"
        ops.append(Op(index + 1, index + 1, 0, kind, "snapshot", value, node=node))
    return Convergence().check(History(ops), limits or Limits())


def held(node: str, documents: dict[str, str], **more: Any) -> tuple[str, Any]:
    return node, {"node": node, "documents": documents, **more}


def test_equal_replicas_have_converged() -> None:
    verdict = snapshots(held("n1", A), held("n2", dict(reversed(A.items()))))
    assert verdict.valid is True
    assert verdict.statistics == {"replicas": ["n1", "n2"], "documents": {"n1": 2, "n2": 2}, "diverged": 0}


def test_a_missing_document_is_a_divergence() -> None:
    (found,) = snapshots(held("n1", A), held("n2", {"k1": "r1"})).anomalies
    assert found.name == "divergence"
    assert found.sentence == "replicas n1 and n2 differ in one document: n2 lacks document k2"
    assert found.details["differences"] == {"k2": {"n1": "r2", "n2": None}}
    assert [op.value for op in found.operations if op.type == "ok"] == [
        {"node": "n1", "documents": {"k2": "r2"}},
        {"node": "n2", "documents": {}},
    ]


def test_another_revision_is_a_divergence() -> None:
    (found,) = snapshots(held("n1", A), held("n2", A | {"k1": "r9"})).anomalies
    assert found.sentence == "replicas n1 and n2 differ in one document: document k1 has revisions r1 and r9"


def test_a_document_too_many_is_a_divergence() -> None:
    (found,) = snapshots(held("n1", A), held("n2", A | {"x": "r", "y": "r"})).anomalies
    assert found.sentence == "replicas n1 and n2 differ in 2 documents, the first: only n2 has document x"


def test_the_replica_that_differs_from_most_is_the_one_shown() -> None:
    (found,) = snapshots(held("n1", {}), held("n2", A), held("n3", A)).anomalies
    assert found.details["nodes"] == ["n2", "n1"]
    assert found.details["count"] == 2


def test_other_collections_are_a_divergence() -> None:
    (found,) = snapshots(held("n1", A, collections=["c"]), held("n2", A, collections=["c", "d"])).anomalies
    assert found.sentence == "replicas n1 and n2 have different collections"
    assert (
        snapshots(held("n1", A, collections=["c", "d"]), held("n2", A, collections=["d", "c"])).valid is True
    )


def test_the_last_snapshot_of_each_replica_counts() -> None:
    assert snapshots(held("n1", A), held("n2", {}), held("n2", A)).valid is True
    assert snapshots(held("n1", A), held("n2", A), held("n2", {})).valid is False


def test_a_replica_that_never_answered_leaves_it_open() -> None:
    verdict = snapshots(held("n1", A), held("n2", A), ("n3", None))
    assert (verdict.valid, verdict.reasons) == ("unknown", ("no snapshot of n3 succeeded",))
    assert snapshots(("n1", None), held("n1", A), held("n2", A)).valid is True
    assert snapshots(held("n1", A), held("n2", {}), ("n3", None)).valid is False


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_replicas_show_nothing(count: int) -> None:
    verdict = snapshots(*[held("n1", A)] * count)
    assert verdict.valid == "unknown"
    assert "two replicas or more" in verdict.reasons[0]


@pytest.mark.parametrize("value", [[1], {"documents": 3}, {}])
def test_a_snapshot_of_another_shape_is_not_judged(value: Any) -> None:
    assert snapshots(("n1", value)).reasons == (
        'the snapshot of index 0 must have a value {"documents": {key: revision}}',
    )


def test_the_node_may_stand_in_the_operation_alone() -> None:
    assert snapshots(("n1", {"documents": A}), ("n2", {"documents": A})).valid is True


@pytest.mark.parametrize("limits", [Limits(time_s=0), Limits(memory_bytes=100)])
def test_limits_are_kept(limits: Limits) -> None:
    verdict = snapshots(held("n1", A), held("n2", A), limits=limits)
    assert verdict.valid == "unknown"
    assert "limit" in verdict.reasons[0]
