"""Followers whose replication is stopped, proven, and started again; what is gone meanwhile is gone."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from harness.databases.arango_http.session import ArangoSession
from harness.environment import HostError
from harness.environments.simulation import SimulatedEnvironment
from harness.explore.conditions import Conditions, cast_in
from harness.nemeses import replication
from harness.nemesis import NemesisOptions
from harness.plan import Plan
from harness.run import Cast
from tests.harness.nemeses import fake


def _cast(
    topology: str = "leader-follower", conditions: Conditions | None = None, workload: str = "set"
) -> Cast:
    plan = Plan(
        environment="simulation",
        topology=topology,
        workloads=(workload,),
        nemeses=(),
        time_limit_s=60.0,
        rate=10.0,
        concurrency=2,
        seed=1,
        interval_s=1.0,
    )
    return cast_in(conditions or Conditions(), plan)


def _options(parts: Cast) -> NemesisOptions:
    return NemesisOptions(parts.environment, parts.database, Random(1), 1.0, 60.0)


class _Scene:
    """A leader with two followers, and what their appliers say."""

    def __init__(self, conditions: Conditions | None = None) -> None:
        self.parts = _cast(conditions=conditions)
        environment = self.parts.environment
        assert isinstance(environment, SimulatedEnvironment)
        self.environment = environment
        self.nemesis = replication.package(_options(self.parts)).nemesis

    def play(self, scene: Any) -> None:
        async def whole() -> None:
            await self.parts.database.setup(self.environment)
            session = self.parts.database.session(self.environment, 0)
            assert isinstance(session, ArangoSession)
            self.session = session
            await session.on("n1").create_collection("c", wait_for_sync=True)
            await scene(self)
            await self.environment.close()

        self.environment.simulation.run(whole())

    async def write(self, key: str) -> None:
        await self.session.on("n1").insert("c", {}, key=key)

    async def keys(self, node: str) -> list[str]:
        return [each.key for each in await self.session.on(node).read_all("c")]

    async def resyncs(self, node: str) -> int:
        raw = (await self.session.on(node).applier_state()).raw
        return int(raw["state"]["totalResyncs"])


@pytest.mark.parametrize(("how", "resyncs"), [("stopped", 0), ("forgotten", 1), ("pruned", 1)])
def test_a_follower_whose_replication_stood_has_everything_after_it_was_started_again(
    how: str, resyncs: int
) -> None:
    async def scene(on: _Scene) -> None:
        await on.write("before")
        await asyncio.sleep(1)
        done = await on.nemesis.inject({"nodes": ["n2"], "how": how})
        assert done == {"nodes": ["n2"], "how": how}
        await on.write("meanwhile")
        await asyncio.sleep(1)
        assert (await on.nemesis.probe()).count == 1
        assert await on.keys("n2") == ["before"]
        assert await on.keys("n3") == ["before", "meanwhile"]
        if how == "pruned":
            await on.session.within("n1", "_system").flush()
            await on.write("later")
            await asyncio.sleep(3)
        await on.nemesis.heal()
        await asyncio.sleep(3)
        assert (await on.nemesis.probe()).count == 0
        assert await on.keys("n2") == await on.keys("n1")
        assert await on.resyncs("n2") == resyncs
        assert await on.resyncs("n3") == 0

    # Log files go as soon as nobody needs them: a leader that was restarted knows of nobody.
    _Scene(Conditions(keep_log_s=0.5)).play(scene)


def test_an_applier_that_somebody_has_started_is_no_effect_any_more() -> None:
    async def scene(on: _Scene) -> None:
        await on.nemesis.inject({"nodes": ["n2", "n3"], "how": "stopped"})
        assert (await on.nemesis.probe()).count == 2
        await on.session.on("n2").start_applier()
        assert (await on.nemesis.probe()).evidence == {"stopped": ["n3"]}

    _Scene().play(scene)


def test_some_followers_are_chosen_and_never_the_leader() -> None:
    async def scene(on: _Scene) -> None:
        for _ in range(5):
            done = await on.nemesis.inject(None)
            assert done["nodes"]
            assert set(done["nodes"]) <= {"n2", "n3"}
            await on.nemesis.heal()

    _Scene().play(scene)


def test_a_request_without_an_answer_is_repeated_until_it_is_answered() -> None:
    async def scene(on: _Scene) -> None:
        on.environment.simulation.network.default.loss = 0.3
        await on.nemesis.inject({"nodes": ["n2", "n3"], "how": "forgotten"})
        assert (await on.nemesis.probe()).count == 2
        await on.nemesis.heal()

    _Scene().play(scene)


def test_healing_without_a_fault_is_harmless() -> None:
    async def scene(on: _Scene) -> None:
        await on.nemesis.heal()
        assert (await on.nemesis.probe()).count == 0

    _Scene().play(scene)


@pytest.mark.parametrize(("topology", "workload"), [("single", "set"), ("active-failover", "failover_loss")])
def test_a_topology_without_followers_for_good_is_refused(topology: str, workload: str) -> None:
    with pytest.raises(HostError, match="needs followers"):
        replication.package(_options(_cast(topology, workload=workload)))


def test_a_database_that_does_not_say_its_topology_is_refused() -> None:
    with pytest.raises(HostError, match="leader-follower"):
        replication.package(fake.options(fake.FakeEnvironment(3)))
