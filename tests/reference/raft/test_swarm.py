"""Many seeded lives, and what they are worth: they find defects, and they meet what is rare."""

from __future__ import annotations

import pytest

from tests.defects import catalogue
from tests.reference.raft import swarm
from tests.reference.raft.oracle import Violation


def test_no_promise_is_broken_in_any_life() -> None:
    elections = snapshots = 0
    for seed in range(400):
        cluster = swarm.run(seed)
        elections += len(cluster.oracle.leaders)
        snapshots += sum(cluster.raft(name).log.snapshot.index > 0 for name in cluster.names)
    assert elections > 800, "too quiet to prove anything"
    assert snapshots > 200, "too quiet to prove anything"


def test_the_same_seed_gives_the_same_life() -> None:
    one, other = swarm.run(7), swarm.run(7)
    assert one.oracle == other.oracle
    assert one.picture() == other.picture()


@pytest.mark.parametrize(
    "name",
    [
        "acknowledged-before-majority",
        "term-not-persisted",
        "commit-goes-back",
        "previous-entry-not-compared",
        "vote-for-an-old-log",
        "half-is-a-majority",
        "old-term-stops-commits",
        "snapshot-lowers-term",
        "hole-after-compaction",
    ],
)
def test_a_planted_defect_is_found_at_random(name: str) -> None:
    with catalogue.planted(name), pytest.raises(Violation):
        _run_all(150)


def _run_all(seeds: int) -> None:
    for seed in range(seeds):
        swarm.run(seed)
