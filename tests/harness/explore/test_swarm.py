from __future__ import annotations

import subprocess
import sys

import pytest

from harness.explore.swarm import SPACES, expand
from harness.plan import NEMESIS, parts

SEEDS = range(300)


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
    assert {name for swarm in swarms for name in swarm.workloads} == {"leader_follower", "register", "set"}
    drawn = {name for swarm in swarms for name in swarm.nemeses}
    assert drawn == set(parts(NEMESIS)) - SPACES["leader-follower"].pointless
    assert {swarm.node_count for swarm in swarms} == {2, 3, 4}
    assert any(not swarm.nemeses for swarm in swarms)
    conditions = [swarm.conditions for swarm in swarms]
    assert any(c.loss for c in conditions)
    assert any(not c.loss for c in conditions)
    assert any(c.clock_drifts for c in conditions)


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
