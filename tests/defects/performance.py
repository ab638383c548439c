"""Performance: a scene in a simulated world, the workload's clients in it, and what was found.

Clients are the workloads' own, and what they did is judged by the workloads' own checkers. Beside them a
script can send any request, and break things at a chosen moment. Time is virtual; nothing is left to
chance but what the seed draws, and a power loss takes exactly what it is told to.

Not here: which servers there are (`stage`, `agents`, `group`), and the scenes (`witnesses`).
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

from checkers.history import NEMESIS, History, Op
from checkers.verdict import Limits, Verdict
from harness.clauses import Judged
from harness.environment import Answer
from harness.environments.simulation import SimulatedEnvironment
from harness.environments.simulation.disk import HostDisk
from workloads.protocol.client import Client
from workloads.protocol.outcome import Fail, Info, Ok, RequestError
from workloads.protocol.workload import Options, Workload

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


class _Late(Random):
    """Draws that a sync takes effect at its end."""

    def random(self) -> float:
        return 0.999


class Performance:
    """One scene's world. Who makes one says what is in it: `open`, `_session` and `_options`."""

    def __init__(self, nodes: int, seed: int) -> None:
        self.environment = SimulatedEnvironment(nodes, seed)
        self.world = self.environment.simulation
        self.nodes = tuple(self.world.hosts)
        self.findings: list[Finding] = []
        self.judged: list[Judged] = []
        self._ops: list[Op] = []
        self._clients: dict[int, Client] = {}
        self._workload: Workload | None = None
        self._name = ""

    async def open(self) -> None:
        """Start what there is."""
        raise NotImplementedError

    def _session(self, process: int) -> Any:
        """A process's way into the database."""
        raise NotImplementedError

    def _options(self) -> Options:
        """What a workload is told."""
        raise NotImplementedError

    async def close(self) -> None:
        """End it all."""
        await self.environment.close()

    # Hosts.

    def lose_power(self, node: str, keep: Literal["nothing", "torn"] = "nothing") -> None:
        """Cut the power: of what was not synced all is lost, or all is kept and the last write is torn."""
        disk = self.disk(node)
        disk.random, drawn = _Loss(keep), disk.random
        self.world.host(node).lose_power()
        disk.random = drawn

    def sync_late(self, node: str) -> None:
        """Let syncs take effect at their end, from now on."""
        self.disk(node).random = _Late()

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

    async def request(
        self,
        node: str,
        port: int,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request over a connection of its own; raises TransportError."""
        connection = self.environment.transport(node, port)
        data = b"" if body is None else msgspec.json.encode(body)
        try:
            answer = await connection.request(method, path, headers=headers or {}, body=data, timeout_s=30)
        finally:
            await connection.close()
        return Reply(answer)

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait for something."""
        assert await self.happens(condition), f"did not happen within {_ATTENTION_S:g} s: {what}"

    async def happens(self, condition: Callable[[], Awaitable[bool]], within_s: float = _ATTENTION_S) -> bool:
        """Whether something comes true in time."""
        deadline = self.world.loop.time() + within_s
        while not await condition():
            if self.world.loop.time() >= deadline:
                return False
            await asyncio.sleep(0.05)
        return True

    # A workload's clients.

    async def play(self, make: Callable[[Options], Workload]) -> None:
        """Let the clients be those of a workload."""
        self._name, self._workload = make.__module__, make(self._options())
        self._clients.clear()
        self._ops.clear()
        if self._workload.setup is not None:
            made = self._workload.setup(self._session(0))
            if made is not None:
                await made

    async def do(self, f: str, value: Any = None, *, key: int | None = None, process: int = 0) -> Op:
        """Let a process do an operation; its completion. After `info` another process must be named."""
        assert self._workload is not None, "no workload is played"
        if process not in self._clients:
            self._clients[process] = self._workload.client(self._session(process))
        invoked = self.record(Op(0, 0, process, "invoke", f, value, key))
        try:
            outcome = await self._clients[process].invoke(invoked)
        except RequestError as error:
            outcome = error.outcome
        if isinstance(outcome, Ok):
            told = value if outcome.value is None else outcome.value
            return self.record(Op(0, 0, process, "ok", f, told, key, outcome.node))
        kind: Literal["fail", "info"] = "fail" if isinstance(outcome, Fail) else "info"
        assert isinstance(outcome, Fail | Info)
        return self.record(Op(0, 0, process, kind, f, value, key, outcome.node, outcome.error))

    async def see(self, f: str, value: Any = None, *, key: int | None = None) -> Op:
        """Let a new process look, again and again until it is answered; looking has no effect."""
        for process in range(1000, 1005):
            seen = await self.do(f, value, key=key, process=process)
            if seen.type == "ok":
                return seen
        raise AssertionError(f"nobody could see: {seen.error}")

    def record(self, op: Op) -> Op:
        """Write down an operation, at this moment."""
        self._ops.append(msgspec.structs.replace(op, index=len(self._ops), time=self.world.loop.now_ns))
        return self._ops[-1]

    def fault(self, family: str, *nodes: str, over: bool = False) -> None:
        """Write down that a fault has begun, or is over, as a nemesis does."""
        for kind in ("invoke", "info"):
            word = "stop" if over else "start"
            self.record(Op(0, 0, NEMESIS, kind, f"{word}-{family}", {"nodes": list(nodes)}))

    def judge(self) -> Verdict:
        """The workload's verdict on what was done; its anomalies are findings."""
        assert self._workload is not None, "no workload is played"
        history = History(self._ops)
        verdict = self._workload.checker.check(history, Limits())
        self.judged.append(Judged(self._name, self._workload.clauses, history, verdict))
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

    scene: Callable[[Any], Awaitable[None]]
    make: Callable[[], Performance]

    def perform(self) -> list[Finding]:
        """Play it from its beginning to its end in a new world; what was found."""
        return self.performance().findings

    def performance(self) -> Performance:
        """The same, with all that is known of it."""
        performance = self.make()
        performance.world.run(self._play(performance))
        return performance

    async def _play(self, performance: Performance) -> None:
        try:
            await performance.open()
            await self.scene(performance)
        finally:
            await performance.close()
