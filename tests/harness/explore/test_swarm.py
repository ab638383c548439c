from __future__ import annotations

import subprocess
import sys

import pytest

from checkers.failover_reigns import UNSEEN_NS
from harness.explore.swarm import SPACES, expand
from harness.plan import NEMESIS, WORKLOAD, load, parts
from reference.failover.lease import waiting_s
from workloads.protocol.workload import Options

SEEDS = range(300)


def topologies(workload: str) -> frozenset[str]:
    options = Options(
        rate=1.0, concurrency=3, nodes=("n1", "n2", "n3"), topology="any", seed=0, time_limit_s=9.0
    )
    fitting: frozenset[str] = load(WORKLOAD, workload).workload(options).topologies
    return fitting


@pytest.mark.parametrize("topology", list(SPACES))
def test_every_seed_gives_a_run_that_can_be_adequate(topology: str) -> None:
    for seed in SEEDS:
        swarm = expand(seed, topology)
        assert swarm.time_limit_s > 10
        assert swarm.plan.claim == ("fault-tolerance" if swarm.nemeses else "fault-free")
        # Every family surely has its turn.
        assert swarm.interval_s * 3 * max(1, len(swarm.nemeses)) <= swarm.time_limit_s + 0.01


def test_the_seeds_together_draw_everything_there_is() -> None:
    swarms = [expand(seed, "leader-follower") for seed in SEEDS]
    drawn_workloads = {name for swarm in swarms for name in swarm.workloads}
    assert drawn_workloads == {name for name in parts(WORKLOAD) if "leader-follower" in topologies(name)}
    drawn = {name for swarm in swarms for name in swarm.nemeses}
    assert drawn == set(parts(NEMESIS)) - SPACES["leader-follower"].pointless
    assert {swarm.node_count for swarm in swarms} == {2, 3, 4}
    assert any(not swarm.nemeses for swarm in swarms)
    conditions = [swarm.conditions for swarm in swarms]
    assert any(c.loss for c in conditions)
    assert any(not c.loss for c in conditions)
    assert any(c.clock_drifts for c in conditions)
    assert any(c.guarded for c in conditions)
    assert any(not c.guarded for c in conditions)


def test_every_swarm_that_fails_over_has_a_leader_struck_and_somebody_who_sees_it() -> None:
    space = SPACES["active-failover"]
    swarms = [expand(seed, "active-failover") for seed in SEEDS]
    for swarm in swarms:
        assert set(swarm.workloads) & set(space.witnesses)
        assert not swarm.nemeses or set(swarm.nemeses) & set(space.strikes)
    assert {name for swarm in swarms for name in swarm.nemeses} == set(parts(NEMESIS)) - space.pointless
    drawn = {name for swarm in swarms for name in swarm.workloads}
    assert drawn == {name for name in parts(WORKLOAD) if "active-failover" in topologies(name)}


def test_no_lease_that_is_drawn_outlives_the_patience_of_the_supervision() -> None:
    for seed in SEEDS:
        timings = expand(seed, "active-failover").conditions.failover
        assert timings is not None
        assert waiting_s(timings.lease_s) < timings.grace_s
        assert timings.grace_s * 1e9 > UNSEEN_NS, "a checker takes that for granted"
        assert 2 * timings.heartbeat_s < timings.ok_s, "one lost heartbeat makes no server BAD"
        assert timings.ok_s < timings.grace_s


def test_swarms_of_a_topology_without_failover_have_no_timings_of_one() -> None:
    assert all(expand(seed, "leader-follower").conditions.failover is None for seed in SEEDS)


def test_single_server_is_not_partitioned_from_itself() -> None:
    swarms = [expand(seed, "single") for seed in SEEDS]
    assert all("partition" not in swarm.nemeses and swarm.node_count == 1 for swarm in swarms)
    assert all("leader_follower" not in swarm.workloads for swarm in swarms)


def test_a_seed_is_the_same_swarm_in_a_process_that_hashes_differently() -> None:
    program = (
        "from harness.explore.swarm import expand\nfor s in range(20): print(expand(s, 'leader-follower'))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert printed == {"".join(f"{expand(seed, 'leader-follower')}\n" for seed in range(20))}


def test_named_workloads_and_nemeses_are_kept_to() -> None:
    swarms = [expand(seed, "leader-follower", ("set",), ("kill", "pause")) for seed in SEEDS]
    assert {swarm.workloads for swarm in swarms} == {("set",)}
    assert {name for swarm in swarms for name in swarm.nemeses} == {"kill", "pause"}
    assert all(not expand(seed, "single", ("set",), ()).nemeses for seed in SEEDS)


def test_unknown_topology_and_unfit_workload_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing to explore of topology 'ring'"):
        expand(1, "ring")
    with pytest.raises(ValueError, match="leader_follower cannot use the topology single"):
        expand(1, "single", ("leader_follower",))
