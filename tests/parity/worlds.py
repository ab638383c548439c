"""The two worlds of the reference server, behind one face: real processes on loopback, and the simulation.

A scenario is a coroutine function whose parameters name servers: "leader", "follower", or "guarded", which
asks for credentials. `in_both_worlds` makes a test of it that runs twice. Real servers are started once for
all scenarios; each scenario has a database of its own on its servers.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

from harness.databases.reference import simulated
from harness.environment import Program, TransportError
from harness.environments.simulation import SimulatedEnvironment
from tests.reference.server_process import Reply, ServerProcess

WORLDS = ("real", "simulated")
OPTIONS = {
    "leader": ("--server.authentication=false",),
    "follower": ("--server.authentication=false",),
    "guarded": ("--server.authentication=true",),
}
_PORT = 8529
_PATIENCE_S = 20.0


class Server(Protocol):
    """One server of a world."""

    @property
    def endpoint(self) -> str: ...

    async def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply: ...

    async def start(self) -> None: ...

    async def kill(self) -> None: ...


class RealServer:
    """A process. Calls block the loop, on which there is nothing else."""

    def __init__(self, folder: Path, name: str) -> None:
        self._process = ServerProcess(folder / name, *OPTIONS[name])

    @property
    def endpoint(self) -> str:
        return self._process.endpoint

    async def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        return self._process.call(method, path, body, dict(headers or {}))

    async def start(self) -> None:
        if self._process.process is None:
            self._process.spawn()
            await until(lambda: _answers(self), "the server answers")

    async def kill(self) -> None:
        self._process.kill()


class SimulatedServer:
    """A host of a simulated world, and the server on it."""

    def __init__(self, environment: SimulatedEnvironment, node: str, name: str) -> None:
        self._environment = environment
        self._node = node
        words = ("--server.endpoint", f"tcp://0.0.0.0:{_PORT}", "--database.directory", "/data")
        self._program = Program(name, (*words, *OPTIONS[name]), _PORT, simulated=simulated)

    @property
    def endpoint(self) -> str:
        return f"tcp://{self._environment.address(self._node, _PORT)}"

    async def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        transport = self._environment.transport(self._node, _PORT)
        answer = await transport.request(method, path, headers=headers or {}, body=data, timeout_s=30)
        return Reply(answer.status, dict(answer.headers), answer.body)

    async def start(self) -> None:
        await self._environment.processes.start(self._node, self._program)
        await until(lambda: _answers(self), "the server answers")

    async def kill(self) -> None:
        await self._environment.processes.kill(self._node, self._program.name)


class Side:
    """One server as seen from one database."""

    def __init__(self, server: Server, database: str) -> None:
        self.server = server
        self.database = database

    async def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        return await self.server.call(method, f"/_db/{self.database}{path}", body, headers)

    async def expect(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        return (await self.call(method, path, body, headers)).expect(200, 201, 202, 204)

    async def create(self, name: str, **properties: Any) -> None:
        await self.expect("POST", "/_api/collection", {"name": name, **properties})

    async def put(self, collection: str, key: str, number: int, trx: str = "") -> None:
        headers = {"x-arango-trx-id": trx} if trx else None
        path = f"/_api/document/{collection}?overwriteMode=replace"
        await self.expect("POST", path, {"_key": key, "n": number}, headers)

    async def get(self, collection: str, key: str, trx: str = "") -> int | None:
        """The number in a document; None if there is none."""
        headers = {"x-arango-trx-id": trx} if trx else None
        reply = await self.call("GET", f"/_api/document/{collection}/{key}", headers=headers)
        return int(reply.expect(200)["n"]) if reply.status != 404 else None

    async def begin(self, collection: str) -> str:
        wanted = {"collections": {"write": [collection]}}
        return str((await self.expect("POST", "/_api/transaction/begin", wanted))["result"]["id"])

    async def restart(self) -> None:
        await self.server.kill()
        await self.server.start()


Scenario = Callable[..., Coroutine[Any, Any, None]]


class Real:
    """Processes that are started when they are first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._servers: dict[str, RealServer] = {}
        self._numbers = itertools.count(1)

    def play(self, scenario: Scenario) -> None:
        asyncio.run(_play(scenario, self._server, f"parity{next(self._numbers)}"))

    def _server(self, name: str) -> Server:
        return self._servers.setdefault(name, RealServer(self._folder, name))

    def close(self) -> None:
        asyncio.run(self._close())

    async def _close(self) -> None:
        for server in self._servers.values():
            await server.kill()


class Simulated:
    """A new world for every scenario."""

    def play(self, scenario: Scenario) -> None:
        environment = SimulatedEnvironment(len(OPTIONS), seed=1)
        nodes = dict(zip(OPTIONS, environment.nodes, strict=True))

        async def play() -> None:
            try:
                await _play(scenario, lambda name: SimulatedServer(environment, nodes[name], name), "parity")
            finally:
                await environment.close()

        environment.simulation.run(play())


async def _play(scenario: Scenario, server: Callable[[str], Server], database: str) -> None:
    sides = {name: Side(server(name), database) for name in inspect.signature(scenario).parameters}
    for name, side in sides.items():
        await side.server.start()
        if name != "guarded":
            created = await side.server.call("POST", "/_api/database", {"name": database})
            created.expect(201)
    await scenario(**sides)


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait in the world's own time until the condition holds."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE_S
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, f"did not happen within {_PATIENCE_S} s: {what}"
        await asyncio.sleep(0.02)


async def _answers(server: Server) -> bool:
    try:
        return (await server.call("GET", "/_admin/server/availability")).status in (200, 401)
    except (OSError, TransportError):
        return False


def in_both_worlds(scenario: Scenario) -> Callable[..., None]:
    """The scenario as a test of both worlds."""

    @pytest.mark.parametrize("world", WORLDS, indirect=True)
    def test(world: Real | Simulated) -> None:
        world.play(scenario)

    test.__name__, test.__doc__ = scenario.__name__, scenario.__doc__
    return test
