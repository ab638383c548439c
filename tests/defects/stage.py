"""Stage: a small simulated world in which a witness plays its scene.

Clients are the workloads' own, and what they did is judged by the workloads' own checkers. Beside them a
script can send any request, and break things at a chosen moment. Time is virtual; nothing is left to
chance but what the seed draws, and a power loss takes exactly what it is told to.

Not here: the scenes (`witnesses`).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

import msgspec

from checkers.history import History, Op
from checkers.verdict import Limits, Verdict
from harness.databases import reference as product
from harness.databases.arango_http.deployment import PORT
from harness.databases.arango_http.session import ArangoSession, Servers
from harness.environment import Answer, Program, TransportError
from harness.environments.simulation import SimulatedEnvironment
from harness.environments.simulation.disk import HostDisk
from workloads.protocol.client import Client
from workloads.protocol.outcome import Fail, Info, Ok, RequestError
from workloads.protocol.workload import Options, Workload

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
_ATTENTION_S = 30.0

_PROMISES = {
    "fractured-read": "S-ATOMIC",
    "phantom": "S-NO-PHANTOM",
    "aborted-read": "S-NO-PHANTOM",
    "stale-read": "S-LINEARIZABLE",
    "future-read": "S-LINEARIZABLE",
    "lost-update": "S-LINEARIZABLE",
    "non-linearizable": "S-LINEARIZABLE",
}
"""What an anomaly breaks to which the workload gives no clause."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be."""

    clause: str
    anomaly: str
    sentence: str


class Reply:
    """An answer to a scripted request."""

    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.body = answer.body

    def json(self) -> Any:
        """The body."""
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> int:
        """Its errorNum; 0 if it is none."""
        return int(self.json().get("errorNum", 0)) if self.status >= 400 else 0


class _Loss(Random):
    """Draws a power loss as wanted: all unsynced writes go, or all stay and each file's last one is torn.

    It knows in which order `disk.Platter` draws: how many writes stay, whether the last one is torn,
    whether they are out of order, and where it is torn.
    """

    def __init__(self, keep: Literal["nothing", "torn"]) -> None:
        super().__init__(0)
        self._tears = keep == "torn"
        self._odds = itertools.cycle((0.0, 0.999) if self._tears else (0.999,))

    def randint(self, a: int, b: int) -> int:
        if not self._tears:
            return a
        return b if a == 0 else (a + b) // 2

    def random(self) -> float:
        return next(self._odds)


class Stage:
    """One scene. `words` are further options of all servers."""

    def __init__(self, *, nodes: int = 1, seed: int = 1, words: tuple[str, ...] = ()) -> None:
        self.environment = SimulatedEnvironment(nodes, seed)
        self.world = self.environment.simulation
        self.nodes = tuple(self.world.hosts)
        self.followers = self.nodes[1:]
        self.findings: list[Finding] = []
        self._words = words
        self._servers = Servers(
            self.nodes, LEADER, {node: self.endpoint(node) for node in self.nodes}, 5.0, APPLIER
        )
        self._ops: list[Op] = []
        self._clients: dict[int, Client] = {}
        self._workload: Workload | None = None

    @staticmethod
    def endpoint(node: str) -> str:
        """Where a server is for the others."""
        return f"tcp://{node}:{PORT}"

    # Servers and their hosts.

    async def open(self) -> None:
        """Start all servers."""
        for node in self.nodes:
            await self.start(node)

    async def close(self) -> None:
        """End them."""
        await self.environment.close()

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

    def lose_power(self, node: str, keep: Literal["nothing", "torn"] = "nothing") -> None:
        """Cut the power: of what was not synced all is lost, or all is kept and the last write is torn."""
        disk = self.disk(node)
        disk.random, drawn = _Loss(keep), disk.random
        self.world.host(node).lose_power()
        disk.random = drawn

    def disk(self, node: str) -> HostDisk:
        """A host's disk."""
        return self.world.host(node).disk

    @contextmanager
    def at(self, node: str, what: str, act: Callable[[], object]) -> Iterator[None]:
        """Do `act` once, as soon as the node's disk passes a boundary whose name begins with `what`."""
        disk, done = self.disk(node), [False]

        def look(_number: int, passed: str) -> None:
            if passed.startswith(what) and not done[0]:
                done[0] = True
                act()

        disk.at_boundary = look
        try:
            yield
        finally:
            disk.at_boundary = None
        assert done[0], f"the disk of {node} never passed {what!r}: the scene shows nothing"

    # Requests.

    async def send(
        self, node: str, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request over a connection of its own; raises TransportError."""
        connection = self.environment.transport(node, PORT)
        data = b"" if body is None else msgspec.json.encode(body)
        try:
            answer = await connection.request(method, path, headers=headers or {}, body=data, timeout_s=30)
        finally:
            await connection.close()
        return Reply(answer)

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

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait for something."""
        deadline = self.world.loop.time() + _ATTENTION_S
        while not await condition():
            assert self.world.loop.time() < deadline, f"did not happen within {_ATTENTION_S:g} s: {what}"
            await asyncio.sleep(0.05)

    # A workload's clients.

    async def play(self, make: Callable[[Options], Workload]) -> None:
        """Let the clients be those of a workload."""
        topology = "leader-follower" if self.followers else "single"
        self._workload = make(Options(10, 4, self.nodes, topology, 0, 60))
        session = self._session()
        if self._workload.setup is not None:
            made = self._workload.setup(session)
            if made is not None:
                await made

    def _session(self) -> ArangoSession:
        return ArangoSession(self._servers, lambda node: self.environment.transport(node, PORT))

    async def do(self, f: str, value: Any = None, *, key: int | None = None, process: int = 0) -> Op:
        """Let a process do an operation; its completion. After `info` another process must be named."""
        assert self._workload is not None, "no workload is played"
        if process not in self._clients:
            self._clients[process] = self._workload.client(self._session())
        invoked = self._record(Op(0, 0, process, "invoke", f, value, key))
        try:
            outcome = await self._clients[process].invoke(invoked)
        except RequestError as error:
            outcome = error.outcome
        if isinstance(outcome, Ok):
            told = value if outcome.value is None else outcome.value
            return self._record(Op(0, 0, process, "ok", f, told, key, outcome.node))
        kind: Literal["fail", "info"] = "fail" if isinstance(outcome, Fail) else "info"
        assert isinstance(outcome, Fail | Info)
        return self._record(Op(0, 0, process, kind, f, value, key, outcome.node, outcome.error))

    async def see(self, f: str, value: Any = None, *, key: int | None = None) -> Op:
        """Let a new process look, again and again until it is answered; looking has no effect."""
        for process in range(1000, 1005):
            seen = await self.do(f, value, key=key, process=process)
            if seen.type == "ok":
                return seen
        raise AssertionError(f"nobody could see: {seen.error}")

    def _record(self, op: Op) -> Op:
        self._ops.append(msgspec.structs.replace(op, index=len(self._ops), time=self.world.loop.now_ns))
        return self._ops[-1]

    def judge(self) -> Verdict:
        """The workload's verdict on what was done; its anomalies are findings."""
        assert self._workload is not None, "no workload is played"
        verdict = self._workload.checker.check(History(self._ops), Limits())
        for anomaly in verdict.anomalies:
            clause = anomaly.clause or _PROMISES.get(anomaly.name, "?")
            self.findings.append(Finding(clause, anomaly.name, anomaly.sentence))
        return verdict

    # What is found.

    def demand(self, condition: bool, clause: str, anomaly: str, sentence: str) -> None:
        """It is a finding if `condition` does not hold; `sentence` says what is then the case."""
        if not condition:
            self.findings.append(Finding(clause, anomaly, sentence))


@dataclass(frozen=True, slots=True)
class Witness:
    """A scene that shows one defect, and the stage it needs."""

    scene: Callable[[Stage], Awaitable[None]]
    nodes: int
    words: tuple[str, ...]

    def perform(self) -> list[Finding]:
        """Play it from its beginning to its end in a new world; what was found."""
        stage = Stage(nodes=self.nodes, words=self.words)
        stage.world.run(self._play(stage))
        return stage.findings

    async def _play(self, stage: Stage) -> None:
        try:
            await stage.open()
            await self.scene(stage)
        finally:
            await stage.close()


def witness(*words: str, nodes: int = 1) -> Callable[[Callable[[Stage], Awaitable[None]]], Witness]:
    """Make a scene a witness; its name is the defect's id, with underscores. `words` are servers' options."""
    return lambda scene: Witness(scene, nodes, words)
