"""Runs a workload against the fake database, with `simulate` as its clock."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from random import Random
from typing import Any

import msgspec

from checkers.history import NEMESIS, History, Op
from checkers.verdict import Limits, Verdict
from tests.workloads.fake_database import MS, FakeDatabase
from workloads.generator import Source, any_of, on_clients, on_nemesis, phases, time_limit
from workloads.generator.simulate import simulate
from workloads.protocol.client import Client
from workloads.protocol.outcome import Fail, Ok, Outcome, RequestError
from workloads.protocol.workload import Options, Workload


def options(nodes: int, *, concurrency: int = 6, rate: float = 100, wait_for_sync: bool = True) -> Options:
    names = tuple(f"n{number + 1}" for number in range(nodes))
    topology = "single" if nodes == 1 else "leader-follower"
    return Options(rate, concurrency, names, topology, 0, 20.0, wait_for_sync)


def run(
    workload: Workload,
    database: FakeDatabase,
    *,
    seconds: float = 20,
    threads: int = 6,
    seed: int = 0,
    faults: Source = None,
) -> History:
    """The history of a run: the workload for some time with faults, then its final generator without."""
    if workload.setup is not None:
        unknown, database.unknown = database.unknown, 0.0  # what is set up is not what is tested
        finish(workload.setup(database.session()))
        database.unknown = unknown
    clients: dict[Any, Client] = {}

    def complete(op: Op, random: Random) -> Op:
        database.now = op.time
        if op.process == NEMESIS:
            return _broken(database, op)
        client = clients.setdefault(op.process, workload.client(database.session()))
        return _completed(op, _ask(client, op), op.time + random.randint(MS // 2, 5 * MS))

    load = any_of(on_clients(time_limit(seconds, workload.generator)), on_nemesis(faults))
    source = phases(load, on_nemesis({"f": "stop-kill"}), on_clients(workload.final_generator))
    return History(simulate(source, complete, threads=threads, nemesis=True, seed=seed))


def check(workload: Workload, history: History) -> Verdict:
    return workload.checker.check(history, Limits())


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise AssertionError("nothing here may wait")


def _ask(client: Client, op: Op) -> Outcome:
    try:
        outcome: Outcome = finish(client.invoke(op))
    except RequestError as error:
        return error.outcome
    return outcome


def _completed(op: Op, outcome: Outcome, time: int) -> Op:
    if isinstance(outcome, Ok):
        value = op.value if outcome.value is None else outcome.value
        return msgspec.structs.replace(op, time=time, type="ok", value=value, node=outcome.node)
    kind = "fail" if isinstance(outcome, Fail) else "info"
    return msgspec.structs.replace(op, time=time, type=kind, error=outcome.error, node=outcome.node)


def _broken(database: FakeDatabase, op: Op) -> Op:
    """Kills and starts nodes: `start-kill` with value {"nodes": [..]}."""
    value: Mapping[str, Any] | None = op.value
    if op.f == "start-kill" and value is not None:
        database.down |= dict.fromkeys(value["nodes"])
    else:
        database.down.clear()
    return msgspec.structs.replace(op, time=op.time + MS, type="info")
