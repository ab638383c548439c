"""Lives in which leaders change: what is remembered of them."""

from __future__ import annotations

from dataclasses import replace

from harness.explore.life import Outcome, outcome
from harness.explore.swarm import expand


def lived(workload: str) -> Outcome:
    """A life whose leader is cut off from the agency again and again."""
    swarm = expand(1, "active-failover", (workload,), ("isolation",))
    return outcome(replace(swarm, nemeses=("isolation",), claim="fault-tolerance", node_count=5))


def test_leader_that_is_cut_off_again_and_again_is_replaced_several_times() -> None:
    seen = lived("leadership")
    assert (seen.verdict, seen.families) == ("valid", ("isolation",))
    assert seen.failovers is not None
    assert 2 <= seen.failovers <= seen.faults


def test_where_nobody_looks_who_leads_no_number_of_failovers_is_made_up() -> None:
    assert lived("agency_register").failovers is None
