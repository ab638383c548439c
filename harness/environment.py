"""Environment: the hosts on which a database runs, and what can be done to them.

The same nemeses and databases act on real hosts over SSH and on simulated ones: they see these protocols
only. Every method that changes a host is safe to repeat. One slow or dead node must not delay calls about
another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import msgspec

T = TypeVar("T")


class HostError(Exception):
    """A host could not be reached or made ready. The message says which, why, and what to do."""


Simulated = Callable[[Any, Sequence[str], Callable[[str, str], object]], Awaitable[None]]
"""A program in simulation: with its world's doors, its arguments, and somewhere to tell its log (level and
sentence), it runs as long as the process lives."""


@dataclass(frozen=True, slots=True)
class Program:
    """A daemon as it is to run on one node. `name` is unique on the node and names its pid file and log.

    `simulated` is what runs instead in simulation; a program without it cannot be simulated.
    """

    name: str
    arguments: tuple[str, ...]
    port: int
    variables: Mapping[str, str] = field(default_factory=dict)
    simulated: Simulated | None = None


class Answer(msgspec.Struct, frozen=True):
    """An HTTP answer: status, headers with lower-case names, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TransportError(Exception):
    """No answer came. `sent` is False only if certainly no byte of the request left this side."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Transport(Protocol):
    """One connection to one server. Sends each request exactly once: it never retries and never reuses a
    connection on which anything went wrong."""

    async def request(
        self, method: str, target: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        """Send one request and await its answer, or raise TransportError."""
        ...

    async def close(self) -> None:
        """Drop the connection."""
        ...


ProcessState = Literal["running", "paused", "gone"]


class Processes(Protocol):
    """The daemons on the hosts."""

    async def start(self, node: str, program: Program) -> None:
        """Start the program unless it runs; returns when the process exists, not when it answers."""
        ...

    async def stop(self, node: str, program: str) -> None:
        """End it gently, by force after ten seconds."""
        ...

    async def kill(self, node: str, program: str) -> None:
        """End it at once (SIGKILL)."""
        ...

    async def pause(self, node: str, program: str) -> None:
        """Freeze it (SIGSTOP)."""
        ...

    async def resume(self, node: str, program: str) -> None:
        """Let it go on (SIGCONT)."""
        ...

    async def state(self, node: str, program: str) -> ProcessState:
        """What the host says about it now."""
        ...


Cut = tuple[str, str]
"""(source, destination): packets of `source` do not arrive at `destination`."""


class Network(Protocol):
    """The links between the hosts. Only what was added here is ever removed."""

    async def cut(self, cuts: Sequence[Cut]) -> None:
        """Drop all packets on these directed links, beside those that are cut already."""
        ...

    async def dropped(self) -> Mapping[Cut, int]:
        """For each directed link that is cut *now, on the host*, the packets dropped since it was cut."""
        ...

    async def heal(self) -> None:
        """Remove every cut, again until none is left."""
        ...


class Power(Protocol):
    """Hosts that can lose power: what was not fsynced is gone."""

    async def lose(self, node: str) -> None:
        """Cut the power of a node."""
        ...

    async def restore(self, node: str) -> None:
        """Boot it again; daemons are not started."""
        ...


class Clocks(Protocol):
    """The hosts' time: their wall clocks, and how fast their servers come on."""

    async def jump(self, node: str, seconds: float) -> None:
        """Move the node's wall clock by so much."""
        ...

    async def drift(self, node: str, excess: float) -> None:
        """Let all of the node's clocks run faster (0.01: by one percent) or slower (below 0)."""
        ...

    async def error_s(self, node: str) -> float:
        """Seconds by which the node's wall clock is off now."""
        ...

    async def synchronize(self, node: str) -> None:
        """Put the node's clocks right."""
        ...

    async def slow(self, node: str, lag_s: float) -> None:
        """Delay every step of the node's servers by so much on average, until 0 is given."""
        ...

    async def late(self, node: str) -> int:
        """How many steps of the node's present servers were delayed so far."""
        ...


DiskFault = Literal["full", "failing", "slow", "fsync"]


class Disks(Protocol):
    """The disks under the databases' files."""

    async def fault(self, node: str, fault: DiskFault) -> None:
        """From now on nothing fits on it, or every access fails (EIO), or every sync takes long, or syncs
        alone fail, and lose what they were to write.
        """
        ...

    async def felt(self, node: str) -> int:
        """How many operations the node's disk has refused or delayed so far."""
        ...

    async def heal(self, node: str) -> None:
        """Let the disk work again; servers that gave up are not restarted."""
        ...


class Simulation(Protocol):
    """A world with a time of its own: a run must be executed by it, and leaves a trace."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` in the world's time."""
        ...

    def note(self, line: str) -> None:
        """Add to the trace what the harness did or saw."""
        ...

    @property
    def trace_sha256(self) -> str:
        """The hash of all that has happened: equal for equal seeds, and for nothing else."""
        ...


class Environment(Protocol):
    """Some hosts. Optional capabilities are None where the environment does not have them."""

    @property
    def nodes(self) -> Sequence[str]:
        """The hosts' names in inventory order."""
        ...

    @property
    def processes(self) -> Processes:
        """The daemons on the hosts."""
        ...

    @property
    def network(self) -> Network:
        """The links between the hosts."""
        ...

    @property
    def power(self) -> Power | None:
        """The hosts' power, where it can be cut."""
        ...

    @property
    def clocks(self) -> Clocks | None:
        """The hosts' clocks, where they can be put wrong."""
        ...

    @property
    def disks(self) -> Disks | None:
        """The hosts' disks, where they can be broken."""
        ...

    @property
    def simulation(self) -> Simulation | None:
        """What a run must be executed by, where that is not real time."""
        ...

    def address(self, node: str, port: int) -> str:
        """`host:port` under which clients and other nodes reach a port of the node."""
        ...

    def transport(self, node: str, port: int) -> Transport:
        """A new connection for a client, opened with its first request."""
        ...

    async def open(self) -> None:
        """Reach every host and clear away what an earlier run may have left."""
        ...

    async def install(self, node: str, source: Path) -> str:
        """Make the files below `source` available on the node; returns the path there."""
        ...

    def data(self, node: str) -> str:
        """Folder on the node for databases' files; `open` empties it. Losing power acts on what is there."""
        ...

    async def collect(self, node: str, destination: Path) -> None:
        """Copy the node's logs into the folder."""
        ...

    async def close(self) -> None:
        """Heal everything, stop every daemon that was started, leave nothing behind."""
        ...


@dataclass(frozen=True, slots=True)
class EnvironmentOptions:
    """What a run tells an environment. A module of `harness.environments` with `environment(options)` is one.

    `inventory` lists the hosts of "ssh"; `node_count` and `lab` (its name) say which lab "lab" uses or makes.
    `seed` is what "simulation" draws from; with `keep_trace` it keeps the trace's lines beside its hash.
    """

    inventory: Path | None = None
    node_count: int = 3
    lab: str = "lab"
    seed: int = 0
    keep_trace: bool = False
