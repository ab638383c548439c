"""A simulated host: a disk and a clock that outlive its servers, and the servers that run on it.

A server is one life of one daemon: an owner of callbacks, a world of doors, and the log that it wrote.
Killing it closes the doors first, so that nothing that still runs in it, no `finally` either, can touch the
world.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from harness.environment import HostError, ProcessState, Program
from harness.environments.simulation.clock import HostClock, ServerClock
from harness.environments.simulation.disk import HostDisk, ServerDisk
from harness.environments.simulation.loop import Owner, SimulatedLoop
from harness.environments.simulation.network import Caller, Port, SimulatedNetwork
from harness.environments.simulation.trace import Trace
from reference.world import Handler, Listener, Request, Response, Unreachable, World

BOOT_S = 0.2
"""How long a daemon takes at most until it begins to run; half of that at least."""
_GENTLY_S = 10.0


@dataclass(eq=False, slots=True)
class Server:
    """One life of a daemon."""

    owner: Owner
    program: Program
    process: asyncio.Task[None] | None = None

    @property
    def state(self) -> ProcessState:
        """What the host says about it."""
        if self.owner.dead or self.process is None or self.process.done():
            return "gone"
        return "paused" if self.owner.paused else "running"


@dataclass(eq=False, slots=True)
class Host:
    """One host of a world. `stream` makes the random source of whatever is named."""

    name: str
    loop: SimulatedLoop
    network: SimulatedNetwork
    trace: Trace
    clock: HostClock
    disk: HostDisk
    stream: Callable[[str], Random]
    is_on: bool = True
    lag_ns: int = 0
    lives: int = 0
    servers: dict[str, Server] = field(default_factory=dict)
    logs: dict[str, list[str]] = field(default_factory=dict)

    def start(self, program: Program, folder: str) -> None:
        """Begin a life of the program, unless it lives."""
        if not self.is_on:
            raise HostError(f"{self.name} has no power")
        if self.state(program.name) != "gone":
            return
        if program.simulated is None:
            raise HostError(
                f"{program.name} cannot be simulated: it is no part of Pestle; use --env lab or ssh"
            )
        self.lives += 1
        owner = Owner(f"{self.name}/{program.name}/{self.lives}")
        owner.lag_ns = self.lag_ns
        self.trace.add(f"{self.loop.now_ns} start {owner.name}")
        server = self.servers[program.name] = Server(owner, program)
        server.process = self.loop.create_task(self._live(server, folder), context=owner.context)

    async def _live(self, server: Server, folder: str) -> None:
        owner, program = server.owner, server.program
        random = self.stream(f"server/{owner.name}")
        await asyncio.sleep(BOOT_S * (0.5 + random.random() / 2))
        world = World(
            ServerClock(self.clock, owner),
            ServerNetwork(self.name, self.network, owner),
            ServerDisk(self.disk, folder, owner),
            random,
        )
        assert program.simulated is not None
        try:
            await program.simulated(world, program.arguments, lambda *said: self.tell(server, *said))
        except Exception as error:  # noqa: BLE001 - a process that dies of anything is gone, and its log says why
            self.tell(server, "fatal", f"{type(error).__name__}: {error}")
        finally:
            # What the process has not ended by itself ends with it.
            self.loop.call_soon(self.end, server, context=self.loop.nobody)

    def tell(self, server: Server, level: str, sentence: str) -> None:
        """Add a line to the log of a server that lives."""
        if not server.owner.dead:
            self.trace.add(f"{server.owner.name} {level} {sentence}")
            line = f"{self.loop.time():13.6f} {server.owner.name} {level.upper()} {sentence}"
            self.logs.setdefault(server.program.name, []).append(line)

    def end(self, server: Server) -> None:
        """SIGKILL, and what the kernel does then."""
        if not server.owner.dead:
            self.trace.add(f"{self.loop.now_ns} end {server.owner.name}")
            self.loop.kill(server.owner)
            self.network.die(server.owner)

    def state(self, program: str) -> ProcessState:
        """Of the program's present life."""
        server = self.servers.get(program)
        return "gone" if server is None else server.state

    def kill(self, program: str) -> None:
        """SIGKILL; no effect on what is gone."""
        if program in self.servers:
            self.end(self.servers[program])

    async def stop(self, program: str) -> None:
        """Cancel the process as a request to end, and kill it if it has not ended in ten seconds."""
        server = self.servers.get(program)
        if server is not None and server.process is not None and server.state != "gone":
            server.process.cancel()
            await asyncio.wait([server.process], timeout=_GENTLY_S)
            self.end(server)

    def pause(self, program: str) -> None:
        """SIGSTOP."""
        if self.state(program) == "running":
            self.servers[program].owner.paused = True
            self.trace.add(f"{self.loop.now_ns} pause {self.name}/{program}")

    def resume(self, program: str) -> None:
        """SIGCONT."""
        if self.state(program) == "paused":
            self.loop.release(self.servers[program].owner)
            self.trace.add(f"{self.loop.now_ns} resume {self.name}/{program}")

    def slow(self, lag_ns: int) -> None:
        """Delay every callback of every server here, now and later, by so much on average; 0 ends that."""
        self.lag_ns = lag_ns
        for server in self.servers.values():
            server.owner.lag_ns = lag_ns

    def lose_power(self) -> None:
        """Everything goes at once, and nobody is told."""
        if self.is_on:
            self.is_on = False
            self.network.lose_power(self.name)
            for server in self.servers.values():
                self.end(server)
            self.disk.lose_power()

    def restore_power(self) -> None:
        """Boot; no daemon is started."""
        self.is_on = True
        self.network.restore_power(self.name)


class ServerNetwork:
    """The Network door of one server."""

    def __init__(self, host: str, network: SimulatedNetwork, owner: Owner) -> None:
        self._host = host
        self._network = network
        self._owner = owner
        self._caller = Caller(host)

    async def request(self, endpoint: str, request: Request, *, timeout_s: float) -> Response:
        """Send one request once and await the answer; raises Unreachable."""
        self._owner.fence()
        destination, port = parse_endpoint(endpoint)
        try:
            return await self._network.request(self._caller, destination, port, request, timeout_s)
        except Unreachable as error:
            raise Unreachable(f"{endpoint}: {error}", sent=error.sent) from None

    async def serve(self, endpoint: str, handler: Handler) -> Listener:
        """Answer requests to `endpoint` with `handler`; raises OSError if it cannot be bound."""
        self._owner.fence()
        port = self._network.listen(self._host, parse_endpoint(endpoint)[1], handler, self._owner)
        return ServerListener(self._host, self._network, port)


class ServerListener:
    """A served endpoint."""

    def __init__(self, host: str, network: SimulatedNetwork, port: Port) -> None:
        self._host = host
        self._network = network
        self._port = port

    async def close(self) -> None:
        """Take no more requests, let those in progress end, then stop."""
        self._port.owner.fence()
        await self._network.unlisten(self._host, self._port)


def parse_endpoint(endpoint: str) -> tuple[str, int]:
    """Host and port of `tcp://host:port`; raises Unreachable if it is none."""
    scheme, _, address = endpoint.partition("://")
    host, _, port = address.rpartition(":")
    if scheme not in ("tcp", "http") or not host or not port.isdecimal():
        raise Unreachable(f"{endpoint} is no endpoint of the form tcp://host:port", sent=False)
    return host, int(port)
