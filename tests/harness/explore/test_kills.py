from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from harness.explore import kills
from harness.explore.campaign import Errand
from harness.explore.fingerprint import Fingerprint
from harness.explore.life import Outcome, outcome
from harness.explore.planted import NoDefectError, find, planted, require
from harness.explore.pool import Here
from harness.explore.swarm import expand

LOST = Fingerprint("LF-WAL", "lost-write", "set", ("add ok",), ("power",))
RESULTS = Path(__file__).parents[3] / "results"


def life(_errand: Errand, seed: int) -> Outcome:
    """The fourth seed shows it; the others are of all other kinds."""
    if seed == 4:
        return Outcome(seed, "invalid", "it is lost", (LOST,), virtual_s=10, families=("power",))
    return Outcome(seed, {1: "valid", 2: "unknown", 3: "crashed"}[seed], "", virtual_s=10)


def hunts() -> tuple[kills.Hunt, ...]:
    target, other, *_ = kills.targets()
    return (
        kills.hunt(target, 1, 60.0, life),
        replace(kills.hunt(other, 1, 0.0, life), inconclusive=3, crashed=1),
    )


def test_hunt_ends_with_the_first_seed_that_shows_the_defect() -> None:
    killed, survivor = hunts()
    assert (killed.seed, killed.seeds, killed.inconclusive, killed.crashed) == (4, 4, 1, 1)
    assert (killed.found, killed.nemeses, killed.virtual_s) == ((LOST,), ("power",), 40)
    assert (survivor.seed, survivor.seeds, survivor.found) == (None, 1, ())


@pytest.mark.parametrize(
    ("defect", "workload"),
    [("follower-accepts-writes", "redirects"), ("read-in-pieces", "agency_register")],
    ids=["servers", "agents"],
)
def test_life_of_an_active_failover_shows_a_defect_of_its(defect: str, workload: str) -> None:
    (target,) = kills.targets((defect,))
    swarm = expand(1, target.topology, (workload,), ())
    assert outcome(swarm).verdict != "invalid"
    shown = outcome(swarm, defect)
    assert shown.verdict == "invalid"
    assert target.clause in [fingerprint.clause for fingerprint in shown.fingerprints]


def test_matrix_names_what_killed_and_what_survived() -> None:
    lines = list(kills.table(hunts(), "pestle explore --defects"))
    assert "* of all: 1 of 2 killed (50%), median 0.0 CPU s" in lines
    assert any("LF-WAL: lost-write | power |" in line for line in lines)
    assert any("**survived** (3 inconclusive, 1 without verdict)" in line for line in lines)


def test_equivalent_defects_are_not_counted() -> None:
    killed, survivor = hunts()
    equal = replace(survivor, target=replace(survivor.target, equivalent="no run can show it"))
    assert any("1 of 1 killed (100%)" in line for line in kills.table((killed, equal), "x"))


def test_matrix_is_stale_when_a_defect_is_new_gone_or_changed(tmp_path: Path) -> None:
    targets = kills.targets()
    full = [kills.hunt(target, 4, 60.0, life) for target in targets]
    kills.write(tmp_path, full, "x")
    assert kills.stale(tmp_path) == []
    changed = replace(full[0], target=replace(full[0].target, source_sha256="0"))
    gone = replace(full[1], target=replace(full[1].target, id="gone"))
    kills.write(tmp_path, [changed, gone, *full[2:]], "x")
    assert kills.stale(tmp_path) == [
        f"{targets[1].id} is not in the matrix.",
        "gone is in the matrix, but no defect any more.",
        f"{targets[0].id} or what it replaces has changed since it was hunted.",
    ]


def test_matrix_that_was_edited_by_hand_is_stale(tmp_path: Path) -> None:
    kills.write(tmp_path, [kills.hunt(target, 4, 60.0, life) for target in kills.targets()], "x")
    table = tmp_path / kills.TABLE
    table.write_text(table.read_text().replace("lost-write", "found"))
    assert kills.stale(tmp_path) == ["kill-matrix.md is not what its figures say."]
    assert kills.stale(tmp_path / "elsewhere") == [f"There is no {tmp_path / 'elsewhere' / kills.FIGURES}."]


def test_committed_matrix_speaks_of_todays_defects() -> None:
    assert kills.stale(RESULTS) == []


def test_hash_follows_what_is_planted_and_what_it_replaces() -> None:
    defect = find("ack-before-fsync")
    assert kills._target(defect) == kills._target(defect)
    other = find("missing-fsync")
    changed = replace(defect, replacement=other.replacement)
    assert kills._target(changed).source_sha256 != kills._target(defect).source_sha256


def test_unknown_defect_and_missing_catalogue_are_told_in_a_sentence() -> None:
    with pytest.raises(NoDefectError, match="There is no defect 'no-such'; there are: "):
        find("no-such")
    with (
        patch.dict("sys.modules", {"tests.defects.catalogue": None}),
        pytest.raises(NoDefectError, match="run it in a checkout"),
        planted("missing-fsync"),
    ):
        pass


def test_a_topology_without_what_is_planted_is_refused() -> None:
    require("missing-fsync", "active-failover")
    with pytest.raises(NoDefectError, match="'lease-without-end' needs --topology active-failover"):
        require("lease-without-end", "leader-follower")
    with pytest.raises(NoDefectError, match="needs --topology leader-follower or active-failover"):
        require("gap-ignored", "single")


def test_hunting_all_tells_each_and_sorts_them() -> None:
    said: list[str] = []
    some = kills.targets(("missing-fsync", "ack-before-fsync"))
    with patch.object(kills, "hunt", lambda target, first, budget: kills.Hunt(target, 2, 1.5, 30, 0, 0)):
        found = kills.hunt_all(reversed(some), Here(), 1, 60.0, said.append)
    assert [each.target.id for each in found] == ["ack-before-fsync", "missing-fsync"]
    assert sorted(said) == [
        f"{name}: survived 2 seeds, 1.5 CPU s" for name in ("ack-before-fsync", "missing-fsync")
    ]
