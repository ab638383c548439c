"""Every planted defect of the core is seen by its scene, and the scene sees nothing without it."""

from __future__ import annotations

import pytest

from tests.defects import catalogue, raft
from tests.reference.raft.oracle import Violation
from tests.reference.raft.scenes import SCENES


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_goes_well_without_its_defect(name: str) -> None:
    SCENES[name].play()


@pytest.mark.parametrize("name", SCENES)
def test_a_defect_is_seen_by_its_scene(name: str) -> None:
    with catalogue.planted(name), pytest.raises(Violation) as violation:
        SCENES[name].play()
    assert violation.value.promise == SCENES[name].promise


def test_every_defect_of_the_core_has_a_scene() -> None:
    assert sorted(catalogue.names(raft)) == sorted(SCENES)
