"""Group: an active failover in a small simulated world: three agents, and servers on nodes of their own.

The agents are on n1 to n3, the servers from n4 on; n4 is started first, and leads. Timings are the fast ones.

Not here: the agents (`agents`), clients and findings (`performance`), the scenes (`witnesses`).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from checkers.history import Op
from harness.databases import reference as product
from harness.databases.arango_http.failover_deployment import AGENT_PORT, FAST, PORT
from harness.databases.arango_http.failover_session import FailoverSession, Rumour
from harness.databases.arango_http.failover_session import Group as Servers
from harness.environment import Program, TransportError
from tests.defects.agents import Agents
from tests.defects.performance import Reply, Witness
from tests.defects.stage import PROGRAM
from workloads.protocol.workload import Options, Workload

_TURN_S = 0.1


class Group(Agents):
    """One scene. The last servers, `late` of them, are not started before the scene begins."""

    def __init__(self, *, servers: int = 2, late: int = 0, seed: int = 1) -> None:
        super().__init__(others=servers, seed=seed)
        self.servers = self.nodes[len(self.agents) :]
        self._early = servers - late
        self._group = Servers(
            {node: self.endpoint(node) for node in self.servers},
            {node: f"tcp://{node}:{AGENT_PORT}" for node in self.agents},
            5.0,
            Rumour(self.servers[0]),
        )
        self._watchers = itertools.count(10_000)

    @staticmethod
    def endpoint(node: str) -> str:
        """Where a server is for the others."""
        return f"tcp://{node}:{PORT}"

    # Servers.

    async def open(self) -> None:
        """Start the agents, then the first server, then the others, which follow it."""
        await super().open()
        if not self._early:
            return
        first, *others = self.servers[: self._early]
        await self.serve(first)
        await self.until(lambda: self.leads(first), f"{first} leads")
        await asyncio.gather(*(self.serve(node) for node in others))
        for node in others:
            await self.caught_up(node, first)

    async def serve(self, node: str) -> None:
        """Start a server, with power."""
        await self.environment.power.restore(node)
        words = [
            *("--replication.automatic-failover", "true", "--cluster.my-role", "SINGLE"),
            *("--cluster.my-address", self.endpoint(node)),
            *(word for agent in self._group.agents.values() for word in ("--cluster.agency-endpoint", agent)),
            *("--cluster.heartbeat-interval", f"{FAST.heartbeat_s:g}"),
            *("--replication.active-failover-leader-grace-period", f"{FAST.lease_s:g}"),
            *("--server.endpoint", f"tcp://0.0.0.0:{PORT}", "--database.directory", "server"),
            *("--server.authentication", "false"),
        ]
        program = Program(PROGRAM, tuple(words), PORT, simulated=product.simulated)
        await self.environment.processes.start(node, program)

    def stop_serving(self, node: str) -> None:
        """End a server as SIGKILL does."""
        self.world.host(node).kill(PROGRAM)

    async def pause(self, node: str) -> None:
        """Freeze a server."""
        await self.environment.processes.pause(node, PROGRAM)

    async def resume(self, node: str) -> None:
        """Let it go on."""
        await self.environment.processes.resume(node, PROGRAM)

    async def cut_off(self, node: str, *others: str) -> None:
        """Drop everything between a node and others, in both directions."""
        await self.environment.network.cut(
            [cut for other in others for cut in ((node, other), (other, node))]
        )

    async def send(
        self, node: str, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request to a server over a connection of its own; raises TransportError."""
        return await self.request(node, PORT, method, path, body, headers)

    async def expect(
        self, node: str, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """The JSON of an answer that must be a success."""
        reply = await self.send(node, method, path, body, headers)
        assert reply.status < 300, f"{method} {path}: {reply.status} {reply.body[:300]!r}"
        return reply.json() if reply.body else None

    async def first_reply(self, node: str, method: str, path: str, body: Any = None) -> Reply:
        """The first answer of a server that is being started."""
        replies: list[Reply] = []

        async def answers() -> bool:
            try:
                replies.append(await self.send(node, method, path, body))
            except TransportError:
                return False
            return replies[-1].status != 503 or replies[-1].error != 503

        await self.until(answers, f"{node} answers")
        return replies[-1]

    async def leads(self, node: str) -> bool:
        """Whether a server answers as leader now, be it that it does not know who asks."""
        try:
            return (await self.send(node, "GET", "/_api/database/current")).status in (200, 401)
        except TransportError:
            return False

    async def replaces(self, *among: str, within_s: float = 30.0) -> str | None:
        """Wait until one of these leads; that one, or None if none does in time."""
        found: list[str] = []

        async def one_leads() -> bool:
            found[:] = [node for node in among if await self.leads(node)]
            return bool(found)

        return found[0] if await self.happens(one_leads, within_s) else None

    async def caught_up(self, node: str, leader: str) -> None:
        """Wait until a follower has all that the leader has now."""
        await self.until(await self.has_all(node, leader), f"{node} has what {leader} has")

    async def has_all(self, node: str, leader: str) -> Callable[[], Awaitable[bool]]:
        """Whether a follower has all that the leader has now, to be asked again and again."""
        tick = int((await self.expect(leader, "GET", "/_api/wal/lastTick"))["tick"])

        async def reached() -> bool:
            try:
                shown = await self.expect(node, "GET", "/_api/replication/applier-state?global=true")
            except TransportError:
                return False
            return (
                shown.get("endpoint") == self.endpoint(leader)
                and shown["state"]["phase"] == "running"
                and int(shown["state"]["lastProcessedContinuousTick"] or 0) >= tick
            )

        return reached

    # Clients.

    def _session(self, process: int) -> FailoverSession:
        return FailoverSession(
            self._group,
            lambda node: self.environment.transport(node, PORT),
            lambda node: self.environment.transport(node, AGENT_PORT),
            first=process,
        )

    async def watch(self, seconds: float, *kinds: tuple[str, bool], turn_s: float = _TURN_S) -> None:
        """For some time, look at the agency and probe every server in turn, as the workload's clients do."""
        pending = []
        for turn in range(round(seconds / turn_s)):
            kind, dirty = kinds[turn % len(kinds)]
            pending.append(asyncio.create_task(self.do("observe", process=next(self._watchers))))
            for server in range(len(self.servers)):
                number = next(self._watchers)
                value = {"server": server, "kind": kind, "dirty": dirty, "number": number}
                pending.append(asyncio.create_task(self.do("probe", value, process=number)))
            await asyncio.sleep(turn_s)
        await asyncio.gather(*pending)

    def process_of(self, node: str) -> int:
        """A new process, which begins at a server."""
        return next(self._watchers) * len(self.servers) + self.servers.index(node)

    async def at_server(self, node: str, f: str, value: Any = None) -> Op:
        """An operation that must end well, by a new process that begins at a server."""
        done = await self.do(f, value, process=self.process_of(node))
        assert done.type == "ok", f"{f} {value}: {done.error}"
        return done

    async def insert(self, node: str, *numbers: int) -> None:
        """Inserts of `failover_loss`."""
        for number in numbers:
            await self.at_server(node, "insert", number)

    async def read(self, node: str) -> None:
        """What the leader has, in `failover_loss`."""
        await self.at_server(node, "read", {"dirty": False})

    async def snapshot(self, node: str) -> None:
        """What a server has, in `failover_loss`."""
        await self.at_server(node, "snapshot", {"server": self.servers.index(node)})


def group(
    workload: Callable[[Options], Workload] | None = None, *, servers: int = 2, late: int = 0
) -> Callable[[Callable[[Group], Awaitable[None]]], Witness]:
    """Make a scene of an active failover a witness; the clients and checkers are those of the workload."""

    def make(scene: Callable[[Group], Awaitable[None]]) -> Witness:
        async def played(stage: Group) -> None:
            if workload is not None:
                await stage.play(workload)
            await scene(stage)
            if workload is not None:
                stage.judge()

        return Witness(played, lambda: Group(servers=servers, late=late))

    return make
