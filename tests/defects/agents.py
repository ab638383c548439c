"""Agents: an agency in a small simulated world, and what its agents say to each other in a script's hands.

Not here: servers that the agency is for (`group`), clients and findings (`performance`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from checkers.history import Op
from harness.databases import reference as product
from harness.databases.arango_http.agency import AgencyConnection
from harness.databases.arango_http.failover_deployment import AGENT, AGENT_PORT, FAST
from harness.environment import Program, TransportError
from reference.raft.effects import Role
from tests.defects.performance import Performance, Witness
from tests.defects.wire import Wire
from workloads.agency_register import workload
from workloads.protocol.workload import Options

_SLOW = -0.9
"""The rate of a patient agent's clock: a tenth of the true one."""
_TIMEOUT_S = 2.0
_LAST = 99


@dataclass(frozen=True, slots=True)
class AgencySession:
    """A process's way into the agency alone."""

    agency: AgencyConnection


class Agents(Performance):
    """One scene, on as many agents, "n1" and so on, of which n1 is elected first. `words` are their options.

    The clients are those of `agency_register`; operations of processes that no script names are by new ones.
    """

    def __init__(
        self, *, agents: int = 3, others: int = 0, seed: int = 1, words: tuple[str, ...] = ()
    ) -> None:
        super().__init__(agents + others, seed)
        self.agents = self.nodes[:agents]
        self.wire = Wire(self.world.network, self.agents)
        self._agent_words = words
        self._processes = 0

    async def open(self) -> None:
        """Start all agents, and let the first one be elected."""
        await asyncio.gather(*(self.start(node) for node in self.agents))
        await self.elect(self.agents[0])
        self.wire.mend()

    # Agents and their hosts.

    async def start(self, node: str) -> None:
        """Start an agent, with power, and wait until it answers."""
        await self.boot_agent(node)
        await self.until(lambda: self._answers(node), f"the agent on {node} answers")

    async def boot_agent(self, node: str) -> None:
        """Start an agent, with power."""
        await self.environment.power.restore(node)
        words = [
            *("--agency.activate", "true", "--agency.size", str(len(self.agents))),
            *("--agency.my-address", f"tcp://{node}:{AGENT_PORT}"),
            *(word for each in self.agents for word in ("--agency.endpoint", f"tcp://{each}:{AGENT_PORT}")),
            *("--agency.election-timeout-min", f"{FAST.election_s[0]:g}"),
            *("--agency.election-timeout-max", f"{FAST.election_s[1]:g}"),
            *("--agency.supervision", "true", "--agency.supervision-frequency", f"{FAST.supervision_s:g}"),
            *("--agency.supervision-grace-period", f"{FAST.grace_s:g}"),
            *("--agency.supervision-ok-threshold", f"{FAST.ok_s:g}"),
            *("--server.endpoint", f"tcp://0.0.0.0:{AGENT_PORT}", "--server.authentication", "false"),
            *("--database.directory", "agent", *self._agent_words),
        ]
        program = Program(AGENT, tuple(words), AGENT_PORT, simulated=product.simulated)
        await self.environment.processes.start(node, program)

    def kill(self, *nodes: str) -> None:
        """End agents as SIGKILL does."""
        for node in nodes:
            self.world.host(node).kill(AGENT)

    async def _answers(self, node: str) -> bool:
        try:
            await self.config(node)
        except TransportError:
            return False
        return True

    async def config(self, node: str) -> dict[str, Any]:
        """What an agent says of itself: `role`, `term`, `leaderId`, `commitIndex`."""
        reply = await self.request(node, AGENT_PORT, "GET", "/_api/agency/config")
        found: dict[str, Any] = reply.json()
        return found

    async def is_(self, node: str, role: Role) -> bool:
        """Whether an agent says that it has a role."""
        return bool((await self.config(node))["role"] == role)

    async def becomes(self, node: str, role: Role) -> None:
        """Wait until an agent has a role."""
        await self.until(lambda: self.is_(node, role), f"{node} becomes {role}")

    async def elect(self, node: str) -> None:
        """Let only one ask for votes, until it leads."""
        self.wire.candidate = node
        await self.becomes(node, "leader")

    async def make_patient(self, *nodes: str) -> None:
        """Slow the clocks of agents: one that is cut off stays for long what it is."""
        for node in nodes:
            await self.environment.clocks.drift(node, _SLOW)

    # Clients.

    def _session(self, process: int) -> Any:
        return AgencySession(self.connection(process))

    def connection(self, first: int) -> AgencyConnection:
        """A way into the agency that begins at one of the agents."""
        endpoints = {node: f"tcp://{node}:{AGENT_PORT}" for node in self.agents}
        return AgencyConnection(
            endpoints,
            lambda node: self.environment.transport(node, AGENT_PORT),
            timeout_s=_TIMEOUT_S,
            first=first,
        )

    def _options(self) -> Options:
        return Options(10, 4, self.nodes, "active-failover", 0, 60)

    def process_at(self, node: str) -> int:
        """A new process, which begins at the agent on `node`."""
        self._processes += 1
        return self._processes * len(self.agents) + self.agents.index(node)

    async def ask(self, node: str, f: str, value: Any = None, *, key: int = 0) -> Op:
        """Let a new process do an operation, beginning at the agent on `node`."""
        return await self.do(f, value, key=key, process=self.process_at(node))

    async def write(self, node: str, value: int, *, key: int = 0) -> Op:
        """A write that must be acknowledged."""
        written = await self.ask(node, "write", value, key=key)
        assert written.type == "ok", written.error
        return written

    async def look(self, node: str, *, key: int = 0) -> Op:
        """A read that must be answered, sooner or later, beginning at the agent on `node`."""
        read = [await self.ask(node, "read", key=key)]

        async def answered() -> bool:
            if read[-1].type != "ok":
                read.append(await self.ask(node, "read", key=key))
            return read[-1].type == "ok"

        await self.until(answered, f"a read at {node} is answered")
        return read[-1]


def agency(*words: str, agents: int = 3) -> Callable[[Callable[[Agents], Awaitable[None]]], Witness]:
    """Make a scene of agents alone a witness, with `agency_register` as the clients' workload.

    In the end, with all cuts mended, something is written and read, so that the verdict means something.
    """

    def make(scene: Callable[[Agents], Awaitable[None]]) -> Witness:
        async def played(stage: Agents) -> None:
            await stage.play(workload)
            await scene(stage)
            stage.wire.mend()
            written = await stage.ask("n2", "write", 1, key=_LAST)
            if written.type == "ok":
                await stage.ask("n2", "read", key=_LAST)
            stage.judge()

        return Witness(played, lambda: Agents(agents=agents, words=words))

    return make
