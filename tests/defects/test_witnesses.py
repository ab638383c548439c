"""Every planted defect is shown by its witness, and the correct build shows nothing in the same scene."""

from __future__ import annotations

import time

import pytest

from tests.defects import catalogue, witnesses
from tests.defects.defect import Defect

_LIMIT_S = 2.0
DEFECTS = tuple(defect for defect in catalogue.all() if defect.equivalent is None)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.id)
def test_witness_shows_the_defect_and_nothing_without_it(defect: Defect) -> None:
    witness = witnesses.of(defect.id)
    assert witness.perform() == [], "the correct build is blamed"
    began = time.process_time()
    with catalogue.planted(defect.id):
        found = witness.perform()
    assert (defect.clause, defect.anomaly) in [(f.clause, f.anomaly) for f in found], found
    assert time.process_time() - began < _LIMIT_S


def test_planting_leaves_no_trace() -> None:
    """After `planted` the original is back: also where a function had been imported by name."""
    for defect in DEFECTS:
        owner, name = defect.target()
        before = getattr(owner, name)
        with catalogue.planted(defect.id):
            assert getattr(owner, name) != before
        assert getattr(owner, name) == before
    for defect in DEFECTS:
        assert witnesses.of(defect.id).perform() == []
