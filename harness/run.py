"""One run, in nine steps:

1. the plan: names become parts                        `cast`
2. the environment is opened                           `Run.execute`, in this order
3. the database is set up and serves
4. the workloads make what they need
5. safety: clients work while things break, until the time limit
6. everything is healed, and that is verified
7. liveness: the final generators, which may demand convergence
8. logs are collected, everything is closed
9. the history is checked and the verdict is drawn up  `conclude`

One Ctrl-C ends step 5 and the rest follows; a second one aborts, and only step 8 is still done. Whatever the
harness itself dies of, steps 8 and 9 are attempted with what there is: a teardown that fails never costs a
verdict.
"""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import AsyncIterator, Awaitable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from checkers.history import Op
from harness.clients import ProcessClients
from harness.database import Database, DatabaseOptions
from harness.environment import Environment, EnvironmentOptions, HostError
from harness.faults import Faults
from harness.interpreter import Deadlines, Interpreter
from harness.junit import junit
from harness.nemeses import compose
from harness.nemesis import NemesisOptions, Package
from harness.plan import DATABASE, ENVIRONMENT, NEMESIS, WORKLOAD, Plan, load
from harness.progress import Progress
from harness.reports import write_report
from harness.results import Phase, PhaseName, Recorded, Results, as_json, judge
from harness.schedule import liveness, safety
from harness.seeds import stream
from harness.store import Records, RunFolder
from workloads.guarantees import load as catalogue
from workloads.protocol.workload import Options, Workload

READY_S = 60.0
"""How long a healed node may take until it serves."""
LIVENESS_S = 120.0
"""How long the final generators may take."""
LOGS_S = 60.0
"""How long collecting a node's logs may take."""
_SETUP_PROCESS = -1
"""The process in whose name set-up talks to the database; never in the history."""


@dataclass(frozen=True, slots=True)
class Cast:
    """The parts of a plan, and the random source of what clients do and of whose turn it is to break."""

    environment: Environment
    database: Database
    workloads: Mapping[str, Workload]
    packages: tuple[Package, ...]
    random: Random


def cast(plan: Plan, *, keep_trace: bool = False, database: DatabaseOptions | None = None) -> Cast:
    """Find the parts by their names. Raises ValueError if one does not exist or does not fit the topology.

    `keep_trace` is for simulation: its lines, too, and not only their hash. `database` is what the plan says
    of the database and more.
    """
    where = EnvironmentOptions(
        inventory=plan.inventory,
        node_count=plan.node_count,
        lab=plan.lab,
        seed=plan.seed,
        keep_trace=keep_trace,
    )
    environment: Environment = load(ENVIRONMENT, plan.environment).environment(where)
    told = DatabaseOptions(plan.topology, plan.op_timeout_s, plan.timings)
    product: Database = load(DATABASE, plan.database).database(told if database is None else database)
    return Cast(
        environment=environment,
        database=product,
        workloads={name: _workload(plan, name, environment) for name in plan.workloads},
        packages=tuple(_package(plan, name, environment, product) for name in plan.nemeses),
        random=stream(plan.seed, "schedule"),
    )


def _package(plan: Plan, name: str, environment: Environment, database: Database) -> Package:
    random = stream(plan.seed, f"nemesis/{name}")
    options = NemesisOptions(environment, database, random, plan.interval_s, plan.time_limit_s)
    package: Package = load(NEMESIS, name).package(options)
    return package


def _workload(plan: Plan, name: str, environment: Environment) -> Workload:
    options = Options(
        rate=plan.rate / len(plan.workloads),
        concurrency=plan.shares[name],
        nodes=tuple(environment.nodes),
        topology=plan.topology,
        seed=plan.seed,
        time_limit_s=plan.time_limit_s,
    )
    workload: Workload = load(WORKLOAD, name).workload(options)
    if plan.topology not in workload.topologies:
        needed = " or ".join(sorted(workload.topologies))
        raise ValueError(f"The workload {name} needs the topology {needed}, not {plan.topology}.")
    return workload


class Run:
    """Steps 2 to 8 of one run. `started` is its moment, in UTC, as `test.json` has it."""

    def __init__(self, plan: Plan, parts: Cast, folder: Records, progress: Progress, *, started: str) -> None:
        self._plan = plan
        self._environment = parts.environment
        self._database = parts.database
        self._workloads = parts.workloads
        self._folder = folder
        self._progress = progress
        self._started = started
        self._random = parts.random
        self._schedule = compose(parts.packages, parts.random)
        self._faults = Faults(
            tuple(self._schedule.nemeses.values()),
            nodes=parts.environment.nodes,
            interval_s=plan.interval_s,
            record=folder.record_fault,
        )
        self._interpreter: Interpreter | None = None
        self._spans: list[tuple[PhaseName, float, float]] = []
        self._opened = False
        self._interrupted = False
        self._liveness = False
        self._problems: list[str] = []
        self._remarks: list[str] = []

    def interrupt(self) -> bool:
        """End the safety phase now and go on with healing. False if there is nothing to go on with yet."""
        self._interrupted = True
        if self._interpreter is None:
            return False
        self._interpreter.stop()
        return True

    async def execute(self) -> Recorded:
        """Do it all. Raises only if it is cancelled; then, too, nothing is left behind."""
        crash = None
        try:
            async with self._progress.shown():
                async with self._phase("setup"):
                    await self._open()
                    await self._set_up_database()
                    await self._set_up_workloads()
                async with self._phase("safety"):
                    await self._break_things()
                async with self._phase("heal"):
                    await self._heal()
                async with self._phase("liveness"):
                    await self._demand_recovery()
        except Exception as error:  # noqa: BLE001 - whatever the harness died of, what was recorded is judged
            crash = f"{type(error).__name__}: {error}"
            self._folder.write_text("crash.txt", traceback.format_exc())
        finally:
            await _undisturbed(self._leave())
        return self._recorded(crash)

    @asynccontextmanager
    async def _phase(self, name: PhaseName) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._progress.phase(name)
        try:
            yield
        finally:
            self._spans.append((name, began, loop.time()))

    # Steps 2 to 4.

    async def _open(self) -> None:
        self._describe({})
        await self._environment.open()
        self._opened = True

    async def _set_up_database(self) -> None:
        await self._database.setup(self._environment)
        self._describe(self._database.describe())

    def _describe(self, database: Mapping[str, str]) -> None:
        nodes = tuple(self._environment.nodes)
        content = self._plan.described(started=self._started, nodes=nodes, database=database)
        self._folder.write("test.json", content)

    async def _set_up_workloads(self) -> None:
        session = self._database.session(self._environment, _SETUP_PROCESS)
        try:
            for workload in self._workloads.values():
                made = None if workload.setup is None else workload.setup(session)
                if inspect.isawaitable(made):
                    await made
        finally:
            await session.close()

    # Step 5.

    async def _break_things(self) -> None:
        self._progress.faults_in_force = lambda: self._faults.in_force
        self._interpreter = Interpreter(
            concurrency=self._plan.concurrency,
            connect=lambda process: ProcessClients(
                self._database.session(self._environment, process), self._workloads
            ),
            nemesis=self._faults.invoke,
            record=self._record,
            random=self._random,
            deadlines=Deadlines(client_s=self._plan.op_timeout_s),
        )
        self._faults.now_ns = self._interpreter.now_ns
        await self._interpreter.run(safety(self._plan, self._workloads, self._schedule.generator))

    def _record(self, op: Op) -> None:
        line = self._folder.record(op)
        self._progress.record(op)
        if self._environment.simulation is not None:
            self._environment.simulation.note(line.decode())

    # Step 6.

    async def _heal(self) -> None:
        self._problems += await self._faults.heal()
        try:
            await self._environment.network.heal()
            left = await self._environment.network.dropped()
        except HostError as error:
            self._problems.append(f"The network could not be healed: {error}.")
        else:
            self._problems += [f"Links are still cut after healing: {sorted(left)}."] if left else []
        await asyncio.gather(*(self._revive(node) for node in self._environment.nodes))

    async def _revive(self, node: str) -> None:
        """Let the node's servers run, and wait until they serve."""
        if not self._database.programs(node):
            return
        try:
            async with asyncio.timeout(READY_S):
                for program in self._database.programs(node):
                    state = await self._environment.processes.state(node, program)
                    if state == "paused":
                        await self._environment.processes.resume(node, program)
                    elif state == "gone":
                        await self._database.start(self._environment, node)
                while not await self._database.ready(self._environment, node):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            self._problems.append(f"Node {node} did not serve again within {READY_S:g} s of healing.")
        except Exception as error:  # noqa: BLE001 - the other nodes must be revived all the same
            self._problems.append(f"Node {node} could not be revived: {type(error).__name__}: {error}.")

    # Step 7.

    async def _demand_recovery(self) -> None:
        assert self._interpreter is not None
        deadline = asyncio.get_running_loop().call_later(LIVENESS_S, self._interpreter.stop)
        try:
            self._liveness = await self._interpreter.run(liveness(self._plan, self._workloads))
        finally:
            deadline.cancel()

    # Step 8.

    async def _leave(self) -> None:
        """Everything is attempted; what fails is told, and changes nothing."""
        if self._interpreter is not None:
            await self._attempt("closing the clients", self._interpreter.close())
        if self._opened:
            await asyncio.gather(*(self._collect(node) for node in self._environment.nodes))
        await self._attempt("closing the environment", self._environment.close())

    async def _collect(self, node: str) -> None:
        folder = self._folder.node(node)
        if folder is not None:
            wanted = self._environment.collect(node, folder)
            await self._attempt(f"collecting the logs of {node}", asyncio.wait_for(wanted, LOGS_S))

    async def _attempt(self, what: str, step: Awaitable[None]) -> None:
        try:
            await step
        except Exception as error:  # noqa: BLE001 - the next step must be attempted all the same
            self._remarks.append(f"{what} failed: {type(error).__name__}: {error}")

    def _recorded(self, crash: str | None) -> Recorded:
        epoch = next((began for name, began, _ in self._spans if name == "safety"), None)
        if epoch is None:
            epoch = self._spans[-1][2]  # nothing was ever invoked: all of it is set-up
        simulation = self._environment.simulation
        return Recorded(
            plan=self._plan,
            workloads=self._workloads,
            families=tuple(self._schedule.nemeses),
            faults=tuple(self._faults.ended),
            phases=tuple(
                Phase(name, round((began - epoch) * 1e9), round((ended - epoch) * 1e9))
                for name, began, ended in self._spans
            ),
            interrupted=self._interrupted,
            liveness=self._liveness,
            problems=tuple(self._problems),
            crash=crash,
            remarks=tuple(self._remarks),
            trace_sha256=None if simulation is None else simulation.trace_sha256,
        )


async def _undisturbed(work: Coroutine[Any, Any, None]) -> None:
    """Do `work` to its end although the first cancellation comes in between; only then pass that on."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def conclude(recorded: Recorded, folder: RunFolder) -> Results:
    """Step 9: judge what was recorded and write it down, for machines and for people."""
    results = judge(recorded, folder.history(), catalogue())
    folder.write("results.json", as_json(results))
    verdicts = {each.name: each.verdict for each in results.judged}
    folder.write_text(
        "junit.xml",
        junit(recorded.plan.title, results.rows, verdicts, results.reasons, recorded.duration_s),
    )
    try:
        write_report(folder.path)
    except Exception as error:  # noqa: BLE001 - the verdict stands, whatever is wrong with its picture
        folder.write_text("crash.txt", traceback.format_exc())
        remark = f"the report could not be drawn: {type(error).__name__}: {error}"
        return replace(results, recorded=replace(recorded, remarks=(*recorded.remarks, remark)))
    return results
