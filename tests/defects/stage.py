"""Stage: a single server, or a leader and followers, in a small simulated world.

Not here: clients, faults and findings (`performance`), and the scenes (`witnesses`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from harness.databases import reference as product
from harness.databases.arango_http.deployment import PORT
from harness.databases.arango_http.session import ArangoSession, Servers
from harness.environment import Program, TransportError
from tests.defects.performance import Performance, Reply, Witness
from workloads.protocol.workload import Options

PROGRAM = "arangod-ref"
LEADER, FOLLOWER = "n1", "n2"
APPLIER = {
    "includeSystem": False,
    "adaptivePolling": False,
    "idleMinWaitTime": 0.3,
    "idleMaxWaitTime": 0.3,
    "requestTimeout": 2,
    "connectionRetryWaitTime": 0.3,
    "maxConnectRetries": 1000,
}
"""An applier that is quick to come back. Whether it starts and resyncs by itself is the scene's business."""


class Stage(Performance):
    """One scene. `words` are further options of all servers."""

    def __init__(self, *, nodes: int = 1, seed: int = 1, words: tuple[str, ...] = ()) -> None:
        super().__init__(nodes, seed)
        self.followers = self.nodes[1:]
        self._words = words
        self._servers = Servers(
            self.nodes, LEADER, {node: self.endpoint(node) for node in self.nodes}, 5.0, APPLIER
        )

    @staticmethod
    def endpoint(node: str) -> str:
        """Where a server is for the others."""
        return f"tcp://{node}:{PORT}"

    # Servers and their hosts.

    async def open(self) -> None:
        """Start all servers."""
        for node in self.nodes:
            await self.start(node)

    async def start(self, node: str) -> None:
        """Start a server and wait until it serves."""
        await self.boot(node)
        await self.until(lambda: self.serves(node), f"{node} serves")

    async def boot(self, node: str) -> None:
        """Start a server, with power."""
        words = ("--server.endpoint", self.endpoint(node), "--database.directory", "data", *self._words)
        if not any(word.startswith("--server.authentication") for word in words):
            words += ("--server.authentication", "false")
        await self.environment.power.restore(node)
        await self.environment.processes.start(
            node, Program(PROGRAM, words, PORT, simulated=product.simulated)
        )

    async def serves(self, node: str) -> bool:
        """Whether a server answers."""
        try:
            return (await self.send(node, "GET", "/_api/version")).status in (200, 401)
        except TransportError:
            return False

    def kill(self, node: str) -> None:
        """End a server as SIGKILL does."""
        self.world.host(node).kill(PROGRAM)

    async def restart(self, node: str) -> None:
        """Kill a server and start it again."""
        self.kill(node)
        await self.start(node)

    # Requests.

    async def send(
        self, node: str, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request over a connection of its own; raises TransportError."""
        return await self.request(node, PORT, method, path, body, headers)

    async def expect(
        self, node: str, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """The JSON of an answer that must be a success."""
        reply = await self.send(node, method, path, body, headers)
        assert reply.status < 300, f"{method} {path}: {reply.status} {reply.body[:300]!r}"
        return reply.json() if reply.body else None

    async def put(self, node: str, collection: str, key: str, n: int, *, sync: bool = False) -> str:
        """Write a number to a document; its revision."""
        path = f"/_api/document/{collection}?overwriteMode=replace&waitForSync={str(sync).lower()}"
        return str((await self.expect(node, "POST", path, {"_key": key, "n": n}))["_rev"])

    async def contents(self, node: str, collection: str) -> dict[str, Any]:
        """The numbers in a collection by key."""
        query = {"collection": collection, "batchSize": 100_000}
        found = await self.expect(node, "PUT", "/_api/simple/all", query)
        return {document["_key"]: document.get("n") for document in found["result"]}

    async def collections(self, node: str, database: str = "_system") -> list[str]:
        """Names of all collections, those of the system too."""
        listed = await self.expect(node, "GET", f"/_db/{database}/_api/collection")
        return [collection["name"] for collection in listed["result"]]

    async def follow(self, *nodes: str, **given: Any) -> None:
        """Make nodes (all but the first, if none is named) followers."""
        for node in nodes or self.followers:
            wanted = {**APPLIER, "endpoint": self.endpoint(LEADER), **given}
            await self.expect(node, "PUT", "/_api/replication/make-follower", wanted)

    async def applier(self, node: str = FOLLOWER) -> dict[str, Any]:
        """The state of a follower."""
        state: dict[str, Any] = (await self.expect(node, "GET", "/_api/replication/applier-state"))["state"]
        return state

    async def caught_up(self, node: str = FOLLOWER) -> bool:
        """Wait until a follower has all that its leader has now, or has stopped; whether it has."""
        tick = int((await self.expect(LEADER, "GET", "/_api/wal/lastTick"))["tick"])

        async def decided() -> bool:
            state = await self.applier(node)
            return not state["running"] or int(state["lastProcessedContinuousTick"] or 0) >= tick

        await self.until(decided, f"{node} catches up or stops")
        return bool((await self.applier(node))["running"])

    # Clients.

    def _options(self) -> Options:
        topology = "leader-follower" if self.followers else "single"
        return Options(10, 4, self.nodes, topology, 0, 60)

    def _session(self, process: int) -> ArangoSession:
        return ArangoSession(self._servers, lambda node: self.environment.transport(node, PORT))


def witness(*words: str, nodes: int = 1) -> Callable[[Callable[[Stage], Awaitable[None]]], Witness]:
    """Make a scene a witness; its name is the defect's id, with underscores. `words` are servers' options."""
    return lambda scene: Witness(scene, lambda: Stage(nodes=nodes, words=words))
