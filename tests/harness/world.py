"""A whole run in memory and virtual time: hosts, a database on them, and nemeses that really act on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from harness.environment import Cut, HostError, ProcessState, Program, Transport
from harness.nemeses import kill, partition, pause
from harness.nemesis import NemesisOptions, Package
from harness.plan import Plan
from harness.progress import Progress
from harness.results import Recorded, Results
from harness.run import Cast, Run, conclude
from harness.store import RunFolder
from tests.harness.virtual_time import in_virtual_time
from tests.workloads.fake_database import FakeDatabase
from workloads import leader_follower, register
from workloads.protocol.capabilities import Session
from workloads.protocol.workload import Options, Workload

PROGRAM = "server"
WORKLOADS = {"register": register.workload, "leader_follower": leader_follower.workload}
NEMESES: dict[str, Callable[[NemesisOptions], Package]] = {
    "kill": kill.package,
    "pause": pause.package,
    "partition": partition.package,
}


class Hosts:
    """Implements `harness.environment.Environment`, its Processes and its Network. Tests replace methods."""

    def __init__(self, servers: FakeDatabase) -> None:
        self.servers = servers
        self.nodes: Sequence[str] = servers.nodes
        self.states: dict[str, ProcessState] = dict.fromkeys(servers.nodes, "running")
        self.cuts: dict[Cut, None] = {}
        self.power = self.clocks = self.disks = self.simulation = None
        self.closed = 0

    @property
    def processes(self) -> Hosts:
        return self

    @property
    def network(self) -> Hosts:
        return self

    async def open(self) -> None:
        pass

    async def collect(self, node: str, destination: Path) -> None:
        (destination / "server.log").write_text(f"{node} was here\n")

    async def close(self) -> None:
        self.closed += 1

    async def start(self, node: str, program: Program) -> None:
        self._become(node, "running")

    async def stop(self, node: str, program: str) -> None:
        self._become(node, "gone")

    async def kill(self, node: str, program: str) -> None:
        self._become(node, "gone")

    async def pause(self, node: str, program: str) -> None:
        self._become(node, "paused")

    async def resume(self, node: str, program: str) -> None:
        if self.states[node] == "paused":
            self._become(node, "running")

    async def state(self, node: str, program: str) -> ProcessState:
        return self.states[node]

    def _become(self, node: str, state: ProcessState) -> None:
        self.states[node] = state
        if state == "running":
            self.servers.down.pop(node, None)
        else:
            self.servers.down[node] = None

    async def cut(self, cuts: Sequence[Cut]) -> None:
        self.cuts.update(dict.fromkeys(cuts))

    async def dropped(self) -> Mapping[Cut, int]:
        return dict.fromkeys(self.cuts, 5)

    async def heal(self) -> None:
        self.cuts.clear()

    def address(self, node: str, port: int) -> str:
        return f"{node}:{port}"

    def transport(self, node: str, port: int) -> Transport:
        raise NotImplementedError

    async def install(self, node: str, source: Path) -> str:
        raise NotImplementedError

    def data(self, node: str) -> str:
        raise NotImplementedError


class Product:
    """Implements `harness.database.Database` over the fake servers."""

    name = "fake"

    def __init__(self, servers: FakeDatabase) -> None:
        self.servers = servers
        self.unready: dict[str, None] = {}

    async def setup(self, environment: Any) -> None:
        await asyncio.sleep(1)

    async def start(self, environment: Any, node: str) -> None:
        await environment.processes.start(node, Program(PROGRAM, (), 0))

    async def ready(self, environment: Any, node: str) -> bool:
        return node not in self.servers.down and node not in self.unready

    def programs(self, node: str) -> Sequence[str]:
        return (PROGRAM,)

    def leader(self) -> str:
        return self.servers.leader

    def session(self, environment: Any, process: int) -> Session:
        return self.servers.session()

    def describe(self) -> dict[str, str]:
        return {"name": self.name}


class Timed:
    """Mixed into a FakeDatabase: its time is the loop's."""

    def reach(self, node: str) -> None:
        self.now = round(asyncio.get_running_loop().time() * 1e9)
        super().reach(node)  # type: ignore[misc]  # of the FakeDatabase that it is mixed into


class TimedDatabase(Timed, FakeDatabase):
    """The correct one."""


class World:
    """What a test may change before it runs the plan."""

    def __init__(self, folder: Path, servers: FakeDatabase | None = None, **plan: Any) -> None:
        self.servers = servers or TimedDatabase(2)
        self.hosts = Hosts(self.servers)
        self.product = Product(self.servers)
        wanted: dict[str, Any] = {
            "environment": "fake",
            "topology": "leader-follower",
            "workloads": ("register",),
            "nemeses": ("kill", "pause", "partition"),
            "time_limit_s": 60.0,
            "interval_s": 6.0,
            "rate": 50.0,
            "concurrency": 6,
            "seed": 1,
        }
        self.plan = Plan(**{**wanted, **plan})
        self.workloads: dict[str, Workload] = {name: self._workload(name) for name in self.plan.workloads}
        self.random = Random(self.plan.seed)
        options = NemesisOptions(
            self.hosts, self.product, self.random, self.plan.interval_s, self.plan.time_limit_s
        )
        self.packages = [NEMESES[name](options) for name in self.plan.nemeses]
        self.folder = RunFolder(folder / "run")
        self.while_it_runs: Callable[[Run], None] = lambda run: None

    def _workload(self, name: str) -> Workload:
        return WORKLOADS[name](
            Options(
                rate=self.plan.rate / len(self.plan.workloads),
                concurrency=self.plan.shares[name],
                nodes=self.servers.nodes,
                topology=self.plan.topology,
                seed=self.plan.seed,
                time_limit_s=self.plan.time_limit_s,
            )
        )

    def record(self) -> Recorded:
        """Steps 2 to 8."""

        async def main() -> Recorded:
            cast = Cast(self.hosts, self.product, self.workloads, tuple(self.packages), self.random)
            run = Run(self.plan, cast, self.folder, Progress(None), started="2020-01-01T00:00:00+00:00")
            self.while_it_runs(run)
            return await run.execute()

        return in_virtual_time(main())

    def run(self) -> Results:
        """Steps 2 to 9."""
        return conclude(self.record(), self.folder)


async def broken(*_: Any) -> None:
    """In place of a method: what a host does that is not there."""
    raise HostError("n2 is on fire")
