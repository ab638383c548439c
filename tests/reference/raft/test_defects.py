"""Every planted defect is seen by its scene, and the scene sees nothing without it."""

from __future__ import annotations

import pytest

from tests.reference.raft.defects import DEFECTS, Defect
from tests.reference.raft.oracle import Violation
from tests.reference.raft.scenes import SCENES


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_goes_well_without_its_defect(name: str) -> None:
    SCENES[name]()


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: f"{defect.id}-{defect.name}")
def test_a_defect_is_seen_by_its_scene(defect: Defect) -> None:
    with defect.planted(), pytest.raises(Violation) as violation:
        SCENES[defect.id]()
    assert violation.value.promise == defect.anomaly


def test_every_defect_has_a_scene() -> None:
    assert [defect.id for defect in DEFECTS] == list(SCENES)
