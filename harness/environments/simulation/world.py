"""SimulatedEnvironment: hosts, network, power, clocks and disks of one world, as the harness sees them."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from harness.environment import Cut, DiskFault, HostError, ProcessState, Program, Transport
from harness.environments.simulation.clock import HostClock
from harness.environments.simulation.disk import HostDisk
from harness.environments.simulation.host import Host
from harness.environments.simulation.loop import SimulatedLoop
from harness.environments.simulation.network import SimulatedNetwork
from harness.environments.simulation.trace import Trace
from harness.environments.simulation.transport import SimulatedTransport
from harness.seeds import stream

T = TypeVar("T")
_SLOW_S = 0.1
"""How much longer a sync takes on a slow disk: usually it is a fifth of a millisecond."""


class SimulatedWorld:
    """One world: time, the network between its hosts, the hosts by name, and the trace of all of it.

    Whatever is random in it comes from `seed` by name, so that one part's draws do not move another's.
    Implements `harness.environment.Simulation`.
    """

    def __init__(self, nodes: Sequence[str], seed: int, *, keep_trace: bool = False) -> None:
        self.seed = seed
        self.trace = Trace(keep=keep_trace)
        self.loop = SimulatedLoop(self.stream("loop"))  # type: ignore[abstract] # refuses what it lacks
        self.network = SimulatedNetwork(self.loop, self.stream("network"), self.trace)
        self.hosts = {node: self._host(node) for node in nodes}

    def stream(self, name: str) -> Random:
        """The random source of a part of the world."""
        return stream(self.seed, f"simulation/{name}")

    def _host(self, name: str) -> Host:
        disk = HostDisk(name, self.stream(f"disk/{name}"), self.trace)
        return Host(name, self.loop, self.network, self.trace, HostClock(self.loop), disk, self.stream)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` in virtual time."""
        return self.loop.run(work)

    def note(self, line: str) -> None:
        """Add a line to the trace."""
        self.trace.add(line)

    @property
    def trace_sha256(self) -> str:
        """The hash of all that has happened."""
        return self.trace.sha256

    def host(self, node: str) -> Host:
        """A host; HostError if there is none of the name."""
        if node not in self.hosts:
            raise HostError(f"{node} is none of the simulated hosts: {', '.join(self.hosts)}")
        return self.hosts[node]


class SimulatedEnvironment:
    """Implements `harness.environment.Environment`."""

    def __init__(self, node_count: int, seed: int, *, keep_trace: bool = False) -> None:
        self.simulation = SimulatedWorld(
            [f"n{n}" for n in range(1, node_count + 1)], seed, keep_trace=keep_trace
        )
        self.processes = SimulatedProcesses(self)
        self.network = SimulatedLinks(self.simulation)
        self.power = SimulatedPower(self.simulation)
        self.clocks = SimulatedClocks(self.simulation)
        self.disks = SimulatedDisks(self.simulation)

    @property
    def nodes(self) -> Sequence[str]:
        """n1, n2, ..."""
        return tuple(self.simulation.hosts)

    def address(self, node: str, port: int) -> str:
        """`host:port`, by name."""
        return f"{node}:{port}"

    def transport(self, node: str, port: int) -> Transport:
        """A new connection for a client."""
        return SimulatedTransport(self.simulation.network, node, port)

    async def open(self) -> None:
        """A new world is clear already."""

    async def install(self, node: str, source: Path) -> str:
        """Refused: a simulated host runs this process's own code."""
        raise HostError(f"{node}: {source} cannot be installed on a simulated host")

    def data(self, node: str) -> str:
        """Folder on the node for databases' files."""
        return f"/{node}/data"

    async def collect(self, node: str, destination: Path) -> None:
        """Write the logs of the node's servers into the folder."""
        destination.mkdir(parents=True, exist_ok=True)
        for program, lines in self.simulation.host(node).logs.items():
            (destination / f"{program}.log").write_text("".join(f"{line}\n" for line in lines))

    async def close(self) -> None:
        """End every server."""
        for host in self.simulation.hosts.values():
            for program in list(host.servers):
                host.kill(program)


class SimulatedProcesses:
    """The daemons on the hosts. What the host does takes no time."""

    def __init__(self, environment: SimulatedEnvironment) -> None:
        self._environment = environment
        self._host = environment.simulation.host

    async def start(self, node: str, program: Program) -> None:
        """Start the program unless it runs; its data are in a folder of its name."""
        self._host(node).start(program, f"{self._environment.data(node)}/{program.name}")

    async def stop(self, node: str, program: str) -> None:
        """End it gently, by force after ten seconds."""
        await self._host(node).stop(program)

    async def kill(self, node: str, program: str) -> None:
        """End it at once."""
        self._host(node).kill(program)

    async def pause(self, node: str, program: str) -> None:
        """Freeze it."""
        self._host(node).pause(program)

    async def resume(self, node: str, program: str) -> None:
        """Let it go on."""
        self._host(node).resume(program)

    async def state(self, node: str, program: str) -> ProcessState:
        """What the host says about it now; without power all are gone."""
        return self._host(node).state(program)


class SimulatedLinks:
    """The links between the hosts. Clients are on none of them."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._network = world.network
        self._world = world

    async def cut(self, cuts: Sequence[Cut]) -> None:
        """Drop all messages on these directed links, beside those that are cut already."""
        for node in [node for cut in cuts for node in cut]:
            self._world.host(node)
        self._network.cut(cuts)

    async def dropped(self) -> Mapping[Cut, int]:
        """For each directed link that is cut now, the messages dropped since it was cut."""
        return self._network.dropped()

    async def heal(self) -> None:
        """Remove every cut."""
        self._network.heal()


class SimulatedPower:
    """The hosts' power: what was not fsynced goes with it, but for what chance keeps."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world

    async def lose(self, node: str) -> None:
        """Cut the power of a node."""
        self._world.host(node).lose_power()

    async def restore(self, node: str) -> None:
        """Boot it again; daemons are not started."""
        self._world.host(node).restore_power()


class SimulatedClocks:
    """Implements `harness.environment.Clocks`."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world

    async def jump(self, node: str, seconds: float) -> None:
        """Move the node's wall clock."""
        self._world.host(node).clock.offset_ns += round(seconds * 1e9)

    async def drift(self, node: str, excess: float) -> None:
        """Let the node's clocks run faster or slower."""
        self._world.host(node).clock.set_drift(excess)

    async def error_s(self, node: str) -> float:
        """How far its wall clock is off now."""
        return self._world.host(node).clock.error_ns / 1e9

    async def synchronize(self, node: str) -> None:
        """Put its clocks right."""
        self._world.host(node).clock.synchronize()

    async def slow(self, node: str, lag_s: float) -> None:
        """Delay every step of the node's servers by so much on average; 0 ends it."""
        self._world.host(node).slow(round(lag_s * 1e9))

    async def late(self, node: str) -> int:
        """Steps of the node's servers that were delayed so far."""
        return sum(server.owner.delays for server in self._world.host(node).servers.values())


class SimulatedDisks:
    """Implements `harness.environment.Disks`."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world

    async def fault(self, node: str, fault: DiskFault) -> None:
        """Break the disk from now on."""
        disk = self._world.host(node).disk
        match fault:
            case "full":
                disk.capacity_bytes = disk.used_bytes
            case "failing":
                disk.is_failing = True
            case "slow":
                disk.slow_s = _SLOW_S
            case "fsync":
                disk.fails_syncs = True

    async def felt(self, node: str) -> int:
        """Operations that the disk has refused or delayed so far."""
        disk = self._world.host(node).disk
        return disk.refusals + disk.slow_syncs

    async def heal(self, node: str) -> None:
        """Let the disk be as it was."""
        disk = self._world.host(node).disk
        disk.capacity_bytes, disk.slow_s = None, 0.0
        disk.is_failing = disk.fails_syncs = False
