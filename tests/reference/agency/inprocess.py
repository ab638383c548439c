"""Agents of one process, in hand-driven time, on a network that can be cut between any two."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import msgspec

from reference.agency.client import AgencyClient
from reference.agency.supervision import Job
from reference.agency_server import AgencyServer
from reference.options import parse
from reference.world import Handler, Listener, Request, Response, Unreachable, World
from tests.reference.storage.memory_disk import ManualClock, MemoryDisk

STEP_S = 0.01


class Wires:
    """Who listens where, and who cannot reach whom."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.handlers: dict[str, Handler] = {}
        self.cut: set[tuple[str, str]] = set()
        self.lose_answers_of: Callable[[Request], bool] = lambda _: False

    def isolate(self, endpoint: str, *others: str) -> None:
        """Nothing goes between `endpoint` and the others any more."""
        self.cut |= {pair for other in others for pair in ((endpoint, other), (other, endpoint))}

    def of(self, source: str) -> Wire:
        return Wire(self, source)


class Wire:
    """The network as one server has it."""

    def __init__(self, wires: Wires, source: str) -> None:
        self._wires = wires
        self._source = source

    async def request(self, endpoint: str, request: Request, *, timeout_s: float) -> Response:
        wires = self._wires
        await asyncio.sleep(0)
        if (self._source, endpoint) in wires.cut:
            await wires.clock.sleep(timeout_s)
            raise Unreachable("cut", sent=True)
        handler = wires.handlers.get(endpoint)
        if handler is None:
            raise Unreachable("refused", sent=False)
        work = asyncio.ensure_future(handler(request))
        late = asyncio.ensure_future(wires.clock.sleep(timeout_s))
        await asyncio.wait((work, late), return_when=asyncio.FIRST_COMPLETED)
        late.cancel()
        if not work.done() or (endpoint, self._source) in wires.cut or wires.lose_answers_of(request):
            raise Unreachable("no answer", sent=True)
        return work.result()

    async def serve(self, endpoint: str, handler: Handler) -> Listener:
        raise AssertionError("agents are registered by hand here")


class Machine:
    """One agent, its disk and its endpoint."""

    def __init__(self, agency: Agency, number: int) -> None:
        self.agency = agency
        self.endpoint = f"tcp://agent{number}:1"
        self.disk = MemoryDisk()
        self.random = Random(agency.seed * 100 + number)
        self.server: AgencyServer | None = None

    async def start(self) -> None:
        agency = self.agency
        world = World(agency.clock, agency.wires.of(self.endpoint), self.disk, self.random)
        words = ["--database.directory=/nowhere", "--server.authentication=false", "--agency.activate=true"]
        words += [f"--agency.size={len(agency.machines)}", f"--agency.my-address={self.endpoint}"]
        words += [f"--agency.endpoint={machine.endpoint}" for machine in agency.machines]
        options = parse([*words, *agency.words])
        self.server = AgencyServer(world, options, self._tell, jobs=agency.jobs)
        await self.server.start()
        agency.wires.handlers[self.endpoint] = self.server.handle

    def _tell(self, level: str, sentence: str) -> None:
        self.agency.told.append((self.endpoint, level, sentence))

    async def kill(self) -> None:
        """No answer leaves any more; its disk keeps what was synced and a part of the rest."""
        assert self.server is not None
        self.agency.wires.handlers.pop(self.endpoint, None)
        self.disk, dead = self.disk.power_loss(self.random), self.server
        self.server = None
        await dead.close()

    async def ask(self, method: str, path: str, body: Any = None) -> Response:
        assert self.server is not None
        return await self.server.handle(Request(method, path, {}, msgspec.json.encode(body)))


class Agency:
    """Some agents, and the time."""

    def __init__(self, size: int = 3, *words: str, jobs: tuple[Job, ...] = (), seed: int = 1) -> None:
        self.clock = ManualClock()
        self.wires = Wires(self.clock)
        self.words = ("--agency.election-timeout-min=0.2", "--agency.election-timeout-max=0.4", *words)
        self.jobs = jobs
        self.seed = seed
        self.told: list[tuple[str, str, str]] = []
        self.machines: list[Machine] = []
        self.machines += [Machine(self, number) for number in range(size)]

    async def __aenter__(self) -> Agency:
        for machine in self.machines:
            await machine.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for machine in self.machines:
            if machine.server is not None:
                await machine.kill()

    def client(self, name: str = "client", **options: Any) -> AgencyClient:
        world = World(self.clock, self.wires.of(name), MemoryDisk(), Random(f"{self.seed} {name}"))
        return AgencyClient(world, [machine.endpoint for machine in self.machines], **options)

    async def passes(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / STEP_S)):
            await self.clock.advance(STEP_S)

    async def do(self, work: Awaitable[Any], *, within_s: float = 30.0) -> Any:
        """The result of `work`, while time passes."""
        task = asyncio.ensure_future(work)
        for _ in range(round(within_s / STEP_S)):
            await self.clock.advance(STEP_S)
            if task.done():
                return task.result()
        task.cancel()
        raise AssertionError(f"not done within {within_s} s")

    async def leader(self, among: list[Machine] | None = None) -> Machine:
        """The one that answers reads, as soon as there is one."""
        for _ in range(1000):
            for machine in self.machines if among is None else among:
                if machine.server is not None and await self.leads(machine):
                    return machine
            await self.passes(0.1)
        raise AssertionError("nobody leads")

    async def leads(self, machine: Machine) -> bool:
        """Whether it answers a read."""
        answer: Response = await self.do(machine.ask("POST", "/_api/agency/read", [["/x"]]))
        return answer.status == 200

    def others(self, *machines: Machine) -> list[Machine]:
        return [machine for machine in self.machines if machine not in machines]
