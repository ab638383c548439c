"""Faults on agents, and on the way between the leader and them."""

from __future__ import annotations

import pytest

from harness.environment import HostError
from harness.nemeses import agents, isolation
from tests.harness.nemeses.fake import FakeEnvironment, options
from workloads.protocol import placement


async def test_the_leader_is_cut_off_from_the_agents_on_other_nodes_only() -> None:
    environment = FakeEnvironment(6)
    nemesis = isolation.package(options(environment)).nemesis
    await nemesis.inject({"leader": "n5"})
    expected = {cut for agent in ("n1", "n2", "n3") for cut in (("n5", agent), (agent, "n5"))}
    assert set(environment.network.in_force) == expected
    assert (await nemesis.probe()).count == 0, "nothing was dropped yet"
    environment.network.in_force = dict.fromkeys(expected, 2)
    assert (await nemesis.probe()).count == 12
    await nemesis.heal()
    assert not environment.network.in_force


async def test_a_leader_beside_an_agent_keeps_that_one() -> None:
    environment = FakeEnvironment(3)
    nemesis = isolation.package(options(environment)).nemesis
    await nemesis.inject({"leader": "n1"})
    assert set(environment.network.in_force) == {("n1", "n2"), ("n2", "n1"), ("n1", "n3"), ("n3", "n1")}


def test_two_nodes_have_no_agency_to_be_cut_off_from() -> None:
    with pytest.raises(HostError, match="three nodes"):
        isolation.package(options(FakeEnvironment(2)))


@pytest.mark.parametrize(("by", "state"), [("kill", "gone"), ("pause", "paused")])
async def test_struck_agents_count_until_they_run_again(by: str, state: str) -> None:
    environment = FakeEnvironment(3)
    nemesis = agents.package(options(environment)).nemesis
    done = await nemesis.inject({"nodes": ["n2"], "by": by})
    assert done["struck"] == ["n2/agent"]
    assert environment.processes.states["n2"] == state
    assert (await nemesis.probe()).count == 1
    await nemesis.heal()
    assert set(environment.processes.states.values()) == {"running"}
    assert (await nemesis.probe()).count == 0


async def test_a_minority_of_agents_is_chosen() -> None:
    environment = FakeEnvironment(3)
    nemesis = agents.package(options(environment)).nemesis
    assert len((await nemesis.inject(None))["nodes"]) == 1


@pytest.mark.parametrize(
    ("count", "with_agents", "with_servers"), [(2, 1, 2), (3, 3, 3), (4, 3, 4), (5, 3, 2), (6, 3, 3)]
)
def test_agents_have_nodes_of_their_own_where_there_are_enough(
    count: int, with_agents: int, with_servers: int
) -> None:
    nodes = [f"n{number + 1}" for number in range(count)]
    assert len(placement.agents(nodes)) == with_agents
    assert len(placement.servers(nodes)) == with_servers
    assert {*placement.agents(nodes), *placement.servers(nodes)} == set(nodes)
