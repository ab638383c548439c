"""What `waitForSync` has acknowledged survives a power loss, and would not if nobody called fsync.

The second test is the first one's control: it shows that the lab's power loss does lose what is not fsynced,
and that the ledger notices.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from harness.database import DatabaseOptions
from harness.databases.arango_http.deployment import PORT
from harness.databases.reference import database
from harness.environment import Program
from harness.environments.lab import LabEnvironment, LabProcesses
from harness.lab import lifecycle
from harness.lab.plan import Plan
from tests.harness.lab.rig import lab_name, leftovers, needs_lab, on_node
from tests.reference.ledger import Clients

pytestmark = needs_lab

NAME = lab_name("power")
ROUNDS = 50


@pytest.fixture(scope="module")
def lab() -> Iterator[Plan]:
    try:
        yield lifecycle.up(NAME, 1, 64)
    finally:
        lifecycle.down(NAME)
        assert leftovers(NAME) == []


class WithoutFsync(LabProcesses):
    """Starts every program with an fsync that does nothing."""

    async def start(self, node: str, program: Program) -> None:
        await super().start(node, replace(program, variables={"LD_PRELOAD": "libeatmydata.so"}))


class Server:
    """The reference on n1, and its clients."""

    def __init__(self, environment: LabEnvironment) -> None:
        self._environment = environment
        self._database = database(DatabaseOptions("single", 20))
        self.clients = Clients(environment.address("n1", PORT).partition(":")[0], PORT)

    async def start(self) -> None:
        await self._database.setup(self._environment)
        await self.clients.prepare()

    async def lose_power(self, after_writes: int) -> list[str]:
        """Let the node lose power when so many writes are acknowledged; what is wrong then."""
        power = self._environment.power
        assert power is not None
        await self.clients.write_until(after_writes, lambda: power.lose("n1"))
        await power.restore("n1")
        await self._database.start(self._environment, "n1")
        async with asyncio.timeout(20):
            while not await self._database.ready(self._environment, "n1"):
                await asyncio.sleep(0.02)
        documents = await self.clients.documents()
        problems = self.clients.ledger.problems(documents)
        self.clients.ledger.settle(documents)
        return problems


@pytest.fixture
async def server(lab: Plan, request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    environment = LabEnvironment(NAME, 1)
    environment.processes = request.param(environment)
    await environment.open()
    try:
        server = Server(environment)
        await server.start()
        yield server
    finally:
        await environment.close()


@pytest.mark.timeout(400)  # half a second a round, but a busy machine boots slowly
@pytest.mark.parametrize("server", [LabProcesses], indirect=True)
async def test_no_acknowledged_write_is_missing_after_power_losses(server: Server) -> None:
    moments = random.Random(6)
    for number in range(ROUNDS):
        assert await server.lose_power(moments.randint(1, 150)) == [], f"round {number}"


@pytest.mark.parametrize("server", [WithoutFsync], indirect=True)
async def test_acknowledged_writes_are_missing_if_fsync_does_nothing(lab: Plan, server: Server) -> None:
    # The database itself stays: only what is written from now on can be missing.
    on_node(lab, "n1", "sync")
    problems = await server.lose_power(100)
    assert [problem for problem in problems if problem.startswith("lost: ")]
