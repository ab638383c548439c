"""CL-AGENCY-RAFT on real processes: agents are killed and paused while clients write."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from reference.agency.client import AgencyClient, AgencyOutcomeUnknown, AgencyUnavailable, value_at
from reference.world import World
from reference.world.real import open_world
from tests.reference.agency.trio import Trio, trio
from tests.reference.server_process import ServerProcess

_CLIENTS = 6


def _kill(agency: Trio, agent: ServerProcess) -> None:
    agent.kill()
    agency.leader()
    agency.heal()


def _pause(agency: Trio, agent: ServerProcess) -> None:
    """Stop it until the others have chosen another leader, if it was the leader."""
    assert agent.process is not None
    agent.process.send_signal(signal.SIGSTOP)
    try:
        Trio([other for other in agency.agents if other is not agent]).leader()
    finally:
        agent.process.send_signal(signal.SIGCONT)


class Counter:
    """One client that counts up a number of its own, and what it knows of it."""

    def __init__(self, world: World, agency: Trio, number: int) -> None:
        self.path = f"/counter/{number}"
        self.certain = 0
        self.possible = 0
        endpoints = [agent.endpoint for agent in agency.agents]
        self._client = AgencyClient(world, endpoints, timeout_s=3.0, attempt_s=0.5)

    async def run(self) -> None:
        while True:
            try:
                await self._client.write({self.path: {"op": "increment"}})
            except AgencyUnavailable:
                continue
            except AgencyOutcomeUnknown:
                self.possible += 1
                continue
            self.certain += 1
            self.possible += 1


@pytest.mark.parametrize("fault", [_kill, _pause])
async def test_counters_keep_every_acknowledged_step_and_no_other_while_leaders_fail(
    tmp_path: Path, fault: Callable[[Trio, ServerProcess], None]
) -> None:
    with trio(tmp_path, "--agency.compaction-step-size=200", "--agency.compaction-keep-size=50") as agency:
        world = open_world(tmp_path / "client")
        counters = [Counter(world, agency, number) for number in range(_CLIENTS)]
        tasks = [asyncio.create_task(counter.run()) for counter in counters]
        for _ in range(3):
            before = sum(counter.certain for counter in counters)
            await asyncio.to_thread(fault, agency, await asyncio.to_thread(agency.leader))
            await _until(counters, before + 50)
        for counter in counters:
            counter.possible += 1  # the one under way
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        found = await asyncio.to_thread(agency.read, "/counter")
        for counter in counters:
            assert counter.certain <= value_at(found, counter.path) <= counter.possible
        assert sum(counter.certain for counter in counters) > 150


async def _until(counters: list[Counter], steps: int) -> None:
    async with asyncio.timeout(30):
        while sum(counter.certain for counter in counters) <= steps:
            await asyncio.sleep(0.02)
