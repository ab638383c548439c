"""A whole active failover in one process and in virtual time: nothing is replaced but the three doors.

Time stands still while anything is to be done, then jumps to the next timer. Each server has a clock of its
own, whose rate tests choose, and every way from one server to another can be cut. Same seed, same course.
"""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from reference.agency_server import AgencyServer
from reference.failover.gate import Role
from reference.failover.member import Member
from reference.options import Options, parse
from reference.roles import create
from reference.server import Server
from reference.world import Handler, Listener, Request, Response, Unreachable, World
from tests.reference.failover.group import GRACE_S, HEARTBEAT_S, LEASE_S
from tests.reference.storage.memory_disk import MemoryDisk

_DELAY_S = 0.001


class _Jumping(selectors.DefaultSelector):
    """Does not wait for the time that it is given: it lets the loop's time pass."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("nothing is left to happen")
        self.loop.now_s += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time is virtual."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s


def in_virtual_time(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work)


class Clock:
    """A clock that counts `rate` seconds in each true second."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._loop = asyncio.get_running_loop()

    def monotonic_ns(self) -> int:
        return int(self._loop.time() * self.rate * 1e9)

    def wall_ns(self) -> int:
        return 1_700_000_000_000_000_000 + self.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.rate)


class Host:
    """One server or agent, and its disk, which outlives it."""

    def __init__(self, room: Room, name: str, options: Options, rate: float) -> None:
        self.room = room
        self.name = name
        self.endpoint = options.server.endpoint
        self.clock = Clock(rate)
        self.disk = MemoryDisk()
        self.log: list[str] = []
        self._options = options
        self.process: Server | AgencyServer | None = None

    async def start(self) -> None:
        seed = self.room.random.getrandbits(32)
        world = World(self.clock, _Wire(self.room, self.name), self.disk, Random(seed))
        process = create(
            world,
            self._options,
            lambda level, text: self.log.append(f"{level} {text}"),
            secret="a common secret of at least 32 bytes",
        )
        self.process = process
        await process.start()
        self.room.handlers[self.endpoint] = process.handle

    async def stop(self) -> None:
        self.room.handlers.pop(self.endpoint, None)
        process, self.process = self.process, None
        if process is not None:
            await process.close()

    async def crash(self) -> None:
        """As `kill -9` would: from now on nothing leaves it, and nothing reaches its disk."""
        survivor = self.disk.killed()
        self.room.dead.append(self.name)
        await self.stop()
        self.room.dead.remove(self.name)
        self.disk = survivor

    @property
    def member(self) -> Member:
        assert isinstance(self.process, Server)
        services = self.process._services
        assert services is not None
        assert services.member is not None
        return services.member

    @property
    def leads(self) -> bool:
        """Whether it would answer as leader at this moment."""
        return (
            self.process is not None
            and self.endpoint in self.room.handlers
            and (self.member.gate.role is Role.LEADER)
        )

    async def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Response:
        assert self.process is not None
        data = b"" if body is None else json.dumps(body).encode()
        return await self.process.handle(Request(method, path, headers or {}, data))

    async def keys(self, collection: str) -> set[str]:
        """The keys here, read dirtily if need be."""
        body = {"collection": collection, "batchSize": 100_000}
        reply = await self.call("PUT", "/_api/simple/all", body, {"x-arango-allow-dirty-read": "true"})
        return {d["_key"] for d in json.loads(reply.body)["result"]} if reply.status == 201 else set()

    def diverged_keys(self, collection: str) -> set[str]:
        """The keys in the tails that were set aside."""
        found: set[str] = set()
        for name in self.disk.list("diverged"):
            for line in bytes(self.disk.files[f"diverged/{name}"].data).splitlines():
                entry = json.loads(line)
                if entry.get("cname") == collection and entry["type"] == 2300:
                    found.add(entry["data"]["_key"])
        return found


class _Wire:
    """The network as one host has it."""

    def __init__(self, room: Room, name: str) -> None:
        self._room = room
        self._name = name

    async def request(self, endpoint: str, request: Request, *, timeout_s: float) -> Response:
        host = self._room.hosts[self._name]
        try:
            async with asyncio.timeout(timeout_s / host.clock.rate):
                return await self._pass(endpoint, request)
        except TimeoutError:
            raise Unreachable(f"{endpoint} did not answer", sent=True) from None

    async def _pass(self, endpoint: str, request: Request) -> Response:
        room = self._room
        await room.way(self._name, endpoint)
        handler = room.handlers.get(endpoint)
        if handler is None:
            raise Unreachable(f"nobody listens on {endpoint}", sent=False)
        response = await handler(request)
        await room.way(self._name, endpoint)
        return response

    async def serve(self, endpoint: str, handler: Handler) -> Listener:
        raise AssertionError("the servers of these tests are called directly")


class Room:
    """`agents` agents, and a server for each of `rates`, its clock's rate."""

    def __init__(
        self, rates: tuple[float, ...], *, agents: int = 1, agents_rate: float = 1.0, seed: int = 1
    ) -> None:
        self.random = Random(seed)
        self.handlers: dict[str, Handler] = {}
        self.cuts: set[tuple[str, str]] = set()
        self.dead: list[str] = []
        self.loop = asyncio.get_running_loop()
        pool = [f"tcp://agent{number}:1" for number in range(agents)]
        self.agents = [Host(self, f"agent{n}", parse(_agent(pool, n)), agents_rate) for n in range(agents)]
        self.servers = [
            Host(self, f"server{n}", parse(_server(pool, n)), rate) for n, rate in enumerate(rates)
        ]
        self.hosts = {host.name: host for host in (*self.agents, *self.servers)}

    async def start(self) -> None:
        """Start all; the first server leads, and the others have its data."""
        for agent in self.agents:
            await agent.start()
        first, *others = self.servers
        await first.start()
        await self.until(lambda: first.leads, "the first server leads")
        for server in others:
            await server.start()
        for server in others:
            await self.follows(server, first)

    async def stop(self) -> None:
        for host in (*self.servers, *self.agents):
            await host.stop()

    async def follows(self, server: Host, leader: Host) -> None:
        """Wait until a server has a whole copy of what the leader has now."""

        def reached() -> bool:
            found = server.member.applier.reached
            services = leader.process._services if isinstance(leader.process, Server) else None
            return (
                services is not None
                and found is not None
                and found.leader_id == services.engine.server_id
                and found.applied_tick >= tick
            )

        reply = await leader.call("GET", "/_api/wal/lastTick")
        tick = int(json.loads(reply.body)["tick"])
        await self.until(reached, f"{server.name} has what {leader.name} has")

    def cut(self, one: Host, *others: Host) -> None:
        """Nothing passes between `one` and the others any more."""
        for other in others:
            self.cuts |= {(one.name, other.name), (other.name, one.name)}

    def mend(self) -> None:
        """Everything passes again."""
        self.cuts.clear()

    async def way(self, source: str, endpoint: str) -> None:
        """The way of one message; it never ends if it is cut."""
        target = endpoint.removeprefix("tcp://").partition(":")[0]
        await asyncio.sleep(_DELAY_S * (1 + self.random.random()))
        if (source, target) in self.cuts or source in self.dead or target in self.dead:
            await asyncio.get_running_loop().create_future()

    async def until(self, condition: Callable[[], bool], what: str, *, timeout_s: float = 60.0) -> None:
        """Let time pass until something is true."""
        deadline_s = self.loop.time() + timeout_s
        while not condition():
            assert self.loop.time() < deadline_s, f"did not happen: {what}"
            await asyncio.sleep(0.01)


def _agent(pool: list[str], number: int) -> list[str]:
    return [
        f"--server.endpoint={pool[number]}",
        "--server.authentication=false",
        "--database.directory=memory",
        "--agency.activate=true",
        f"--agency.size={len(pool)}",
        f"--agency.my-address={pool[number]}",
        *(f"--agency.endpoint={endpoint}" for endpoint in pool),
        "--agency.supervision=true",
        "--agency.supervision-frequency=0.1",
        f"--agency.supervision-grace-period={GRACE_S}",
        "--agency.supervision-ok-threshold=0.6",
        "--agency.election-timeout-min=0.3",
        "--agency.election-timeout-max=0.6",
    ]


def _server(pool: list[str], number: int) -> list[str]:
    endpoint = f"tcp://server{number}:1"
    return [
        f"--server.endpoint={endpoint}",
        "--server.authentication=false",
        "--database.directory=memory",
        "--replication.automatic-failover=true",
        "--cluster.my-role=SINGLE",
        f"--cluster.my-address={endpoint}",
        *(f"--cluster.agency-endpoint={agent}" for agent in pool),
        f"--cluster.heartbeat-interval={HEARTBEAT_S}",
        f"--replication.active-failover-leader-grace-period={LEASE_S}",
    ]
