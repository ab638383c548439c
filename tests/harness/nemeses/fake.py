"""An environment and a database that are nothing but what a test says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from harness.environment import Clocks, Cut, Disks, HostError, Power, ProcessState, Program, Transport
from harness.nemesis import NemesisOptions

SERVER = "server"


class FakeProcesses:
    """One server a node. `stubborn` nodes ignore the next so many requests to kill, pause or resume."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self.states: dict[str, ProcessState] = dict.fromkeys(nodes, "running")
        self.stubborn: dict[str, int] = {}

    def _change(self, node: str, state: ProcessState) -> None:
        if self.stubborn.get(node, 0) > 0:
            self.stubborn[node] -= 1
        else:
            self.states[node] = state

    async def start(self, node: str, program: Program) -> None:
        self._change(node, "running")

    async def stop(self, node: str, program: str) -> None:
        self._change(node, "gone")

    async def kill(self, node: str, program: str) -> None:
        self._change(node, "gone")

    async def pause(self, node: str, program: str) -> None:
        self._change(node, "paused")

    async def resume(self, node: str, program: str) -> None:
        if self.states[node] == "paused":
            self._change(node, "running")

    async def state(self, node: str, program: str) -> ProcessState:
        return self.states[node]


class FakeNetwork:
    """Counts what a test says was dropped."""

    def __init__(self) -> None:
        self.in_force: dict[Cut, int] = {}

    async def cut(self, cuts: Sequence[Cut]) -> None:
        self.in_force.update(dict.fromkeys(cuts, 0))

    async def dropped(self) -> Mapping[Cut, int]:
        return dict(self.in_force)

    async def heal(self) -> None:
        self.in_force.clear()


class FakePower:
    """Turns nodes off with all that runs on them."""

    def __init__(self, processes: FakeProcesses) -> None:
        self._processes = processes
        self.off: set[str] = set()

    async def lose(self, node: str) -> None:
        self.off.add(node)
        self._processes.states[node] = "gone"

    async def restore(self, node: str) -> None:
        self.off.discard(node)


class FakeEnvironment:
    """All of it."""

    def __init__(self, count: int, *, has_power: bool = True) -> None:
        self.nodes = tuple(f"n{number}" for number in range(1, count + 1))
        self.processes = FakeProcesses(self.nodes)
        self.network = FakeNetwork()
        self.fake_power = FakePower(self.processes)
        self.power: Power | None = self.fake_power if has_power else None
        self.clocks: Clocks | None = None
        self.disks: Disks | None = None
        self.simulation = None

    def address(self, node: str, port: int) -> str:
        return f"{node}:{port}"

    def transport(self, node: str, port: int) -> Transport:
        raise HostError("nothing listens")

    async def open(self) -> None: ...

    async def install(self, node: str, source: Path) -> str:
        return "/"

    def data(self, node: str) -> str:
        return "/"

    async def collect(self, node: str, destination: Path) -> None: ...

    async def close(self) -> None: ...


class FakeDatabase:
    """A server on each of the first so many nodes, led by the first."""

    name = "fake"

    def __init__(self, serving: Sequence[str]) -> None:
        self._serving = serving
        self.started: list[str] = []

    async def setup(self, environment: Any) -> None: ...

    async def start(self, environment: Any, node: str) -> None:
        self.started.append(node)
        if node in environment.fake_power.off:
            raise HostError(f"{node} is off")
        await environment.processes.start(node, Program(SERVER, ("server",), 1))

    async def ready(self, environment: Any, node: str) -> bool:
        return True

    def programs(self, node: str) -> Sequence[str]:
        return (SERVER,) if node in self._serving else ()

    def leader(self) -> str:
        return "n1"

    def session(self, environment: Any, process: int) -> Any:
        raise NotImplementedError("no test opens a session")

    def describe(self) -> dict[str, str]:
        return {}


def options(environment: FakeEnvironment, *, serving: int | None = None) -> NemesisOptions:
    """What a nemesis gets; `serving` is the number of nodes that have servers."""
    return NemesisOptions(
        environment=environment,
        database=FakeDatabase(environment.nodes[:serving]),
        random=Random(1),
        interval_s=1.0,
        time_limit_s=60.0,
    )
