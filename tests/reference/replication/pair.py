"""Two whole servers in one process, joined by a network that tests can break, on clocks that run fast.

Nothing is replaced but the three doors: memory for the disk, a function call for the network, and a clock
on which a second takes `1 / SPEED` of one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from reference.options import Options, RocksDB
from reference.options import Server as ServerOptions
from reference.server import Server
from reference.world import Handler, Listener, Request, Response, Unreachable, World
from tests.reference.storage.memory_disk import MemoryDisk

SPEED = 50.0
LEADER, FOLLOWER = "tcp://leader:8529", "tcp://follower:8529"


class FastClock:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def monotonic_ns(self) -> int:
        return int(self._loop.time() * SPEED * 1e9)

    def wall_ns(self) -> int:
        return 1_700_000_000_000_000_000 + self.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)


async def nothing(request: Request) -> None:
    await asyncio.sleep(0)


class Wire:
    """The network between servers. `before`, `between`, `after` see every request, and may raise."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.requests: list[Request] = []
        self.before: Callable[[Request], None] = lambda request: None
        self.between: Callable[[Request], Awaitable[None]] = nothing
        self.after: Callable[[Request, Response], Response] = lambda request, response: response

    async def request(self, endpoint: str, request: Request, *, timeout_s: float) -> Response:
        self.requests.append(request)
        self.before(request)
        try:
            async with asyncio.timeout(timeout_s / SPEED):
                await self.between(request)
        except TimeoutError:
            raise Unreachable("no answer in time", sent=True) from None
        if endpoint not in self.handlers:
            raise Unreachable(f"nobody listens on {endpoint}", sent=False)
        return self.after(request, await self.handlers[endpoint](request))

    async def serve(self, endpoint: str, handler: Handler) -> Listener:
        raise AssertionError("the servers of these tests are called directly")


class Host:
    """One server and its disk, which outlives it."""

    def __init__(self, wire: Wire, endpoint: str, disk: MemoryDisk, *, seed: int) -> None:
        self.wire = wire
        self.endpoint = endpoint
        self.disk = disk
        self.seed = seed
        self.log: list[str] = []
        self.server: Server | None = None

    async def start(self) -> None:
        options = Options(
            server=ServerOptions(endpoint=self.endpoint, authentication=False),
            rocksdb=RocksDB(wal_file_timeout_s=0, wal_file_timeout_initial_s=0),
        )
        world = World(FastClock(), self.wire, self.disk, Random(self.seed))
        self.server = Server(
            world, options, lambda level, text: self.log.append(f"{level} {text}"), secret="s"
        )
        await self.server.start()
        self.wire.handlers[self.endpoint] = self.server.handle

    async def stop(self) -> None:
        """A graceful end."""
        self.wire.handlers.pop(self.endpoint, None)
        if self.server is not None:
            server, self.server = self.server, None
            await server.close()

    async def crash(self, disk: MemoryDisk | None = None) -> None:
        """As `kill -9` would: what the process does after this moment does not reach the disk."""
        survivor = disk or self.disk.killed()
        await self.stop()
        self.disk = survivor

    async def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Response:
        assert self.server is not None, "the server does not run"
        data = b"" if body is None else json.dumps(body).encode()
        return await self.server.handle(Request(method, path, headers or {}, data))

    async def expect(self, method: str, path: str, body: Any = None, *, trx: str = "") -> Any:
        response = await self.call(method, path, body, {"x-arango-trx-id": trx} if trx else None)
        assert response.status < 300, f"{method} {path}: {response.status} {response.body[:300]!r}"
        return json.loads(response.body) if response.body else None

    async def documents(self, collection: str) -> dict[str, dict[str, Any]]:
        """Everything in a collection of `_system`."""
        cursor = await self.expect(
            "PUT", "/_api/simple/all", {"collection": collection, "batchSize": 100_000}
        )
        return {document["_key"]: document for document in cursor["result"]}

    async def applier(self) -> dict[str, Any]:
        state: dict[str, Any] = (await self.expect("GET", "/_api/replication/applier-state"))["state"]
        return state


class Pair:
    """A leader and a follower of its `_system`."""

    def __init__(self, follower_disk: MemoryDisk | None = None) -> None:
        self.wire = Wire()
        self.leader = Host(self.wire, LEADER, MemoryDisk(), seed=1)
        self.follower = Host(self.wire, FOLLOWER, follower_disk or MemoryDisk(), seed=2)

    async def start(self) -> None:
        await self.leader.start()
        await self.follower.start()

    async def stop(self) -> None:
        await self.follower.stop()
        await self.leader.stop()

    async def follow(self, **given: Any) -> None:
        """Make the follower follow, with short pauses."""
        await self.follower.expect("PUT", "/_api/replication/make-follower", configuration(**given))

    async def last_tick(self) -> int:
        return int((await self.leader.expect("GET", "/_api/wal/lastTick"))["tick"])

    async def caught_up(self) -> None:
        """Wait until the follower has all that the leader has now."""
        tick = await self.last_tick()

        async def reached() -> bool:
            state = await self.follower.applier()
            if not state["running"]:
                raise AssertionError(f"the applier has stopped: {state['lastError']}")
            return int(state["lastProcessedContinuousTick"] or 0) >= tick

        await eventually(reached, f"the follower reaches tick {tick}")

    async def stopped(self) -> dict[str, Any]:
        """Wait until the applier has stopped; its last error."""

        async def ended() -> bool:
            return not (await self.follower.applier())["running"]

        await eventually(ended, "the applier stops")
        error: dict[str, Any] = (await self.follower.applier())["lastError"]
        return error


def configuration(**given: Any) -> dict[str, Any]:
    """A configuration with short pauses."""
    return {
        "endpoint": LEADER,
        "includeSystem": False,
        "idleMinWaitTime": 0.3,
        "idleMaxWaitTime": 0.3,
        "connectionRetryWaitTime": 0.3,
        **given,
    }


async def eventually(condition: Callable[[], Any], what: str, *, timeout_s: float = 10.0) -> None:
    """Poll an async condition."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while not await condition():
        assert loop.time() < deadline, f"did not happen within {timeout_s} s: {what}"
        await asyncio.sleep(0.005)
