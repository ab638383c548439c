"""Every planted defect is shown by its witness, and the correct build shows nothing in the same scene."""

from __future__ import annotations

import time
from types import ModuleType

import pytest

from harness.clauses import Finding, table
from tests.defects import catalogue, witnesses
from tests.defects.defect import Defect
from tests.defects.performance import Performance
from workloads.guarantees import load

_LIMIT_S = 2.0
CLAUSES = load()
DEFECTS = tuple(defect for defect in catalogue.all() if defect.equivalent is None)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.id)
def test_witness_shows_the_defect_and_nothing_without_it(defect: Defect) -> None:
    witness = witnesses.of(defect.id)
    sound = witness.performance()
    assert sound.findings == [], "the correct build is blamed"
    began = time.process_time()
    with catalogue.planted(defect.id):
        broken = witness.performance()
    assert (defect.clause, defect.anomaly) in [(f.clause, f.anomaly) for f in broken.findings], (
        broken.findings
    )
    assert time.process_time() - began < _LIMIT_S
    if defect.oracle == "client" and defect.clause in CLAUSES:
        assert _row(broken, defect.clause) == "violated"
        assert _row(sound, defect.clause) != "violated"
    if defect.oracle == "client" and defect.topology == "active-failover":
        assert _row(sound, defect.clause) in ("held", "weakness demonstrated", "weakness not demonstrated")


def _row(performance: Performance, clause: str) -> Finding:
    """What a report would say of the promise."""
    rows = {row.id: row for row in table(performance.judged, CLAUSES, adequate=True)}
    return rows[clause].verdict


def test_planting_leaves_no_trace() -> None:
    """After `planted` the original is back: also where a function had been imported by name."""
    for defect in catalogue.all():
        owner, name = defect.target()
        before = getattr(owner, name)
        with catalogue.planted(defect.id):
            assert getattr(owner, name) != before
        assert getattr(owner, name) == before
        if isinstance(owner, ModuleType) and defect.equivalent is None:
            assert witnesses.of(defect.id).perform() == []
