"""Conditions: what a simulated world is like all the time, faults apart.

They are such as any real installation may have: nothing here excuses a broken promise. Messages are lost only
once everything is set up: setting up is not what is tested, and it does not try twice.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from harness.database import DatabaseOptions, FailoverTimings
from harness.databases.arango_http.deployment import PORT
from harness.environment import Environment, TransportError
from harness.environments.simulation import SimulatedWorld
from harness.environments.simulation.network import Link
from harness.explore.spells import NO_SPELLS, Spells, cast_spells
from harness.plan import Plan
from harness.run import Cast, cast
from workloads.protocol.capabilities import Session

_FLUSH = "/_admin/wal/flush"
_FLUSH_TIMEOUT_S = 2.0
_ADMINISTRATOR = {"authorization": f"Basic {base64.b64encode(b'root:').decode()}"}
"""Of a server whose passwords nobody has changed."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """`loss` and `duplication` are probabilities per message; `sync_s` is the mean time of an fsync.

    `clock_offsets_s` and `clock_drifts` (0.001: a millisecond a second too fast) are per node, in order;
    nodes beyond their end have true clocks. Every `flush_s` on average some node is asked to begin a new log
    file and to write a checkpoint, as large ones do by themselves; `keep_log_s` is how long log files that
    nobody needs are kept; `chunk_bytes` is how much a follower asks for at once. `guarded` servers demand a
    password. `failover` is how fast a group that fails over notices things; `spells` come and go. None leaves
    what is usual.
    """

    delay_s: float | None = None
    jitter_s: float | None = None
    loss: float = 0.0
    duplication: float = 0.0
    sync_s: float | None = None
    clock_offsets_s: tuple[float, ...] = ()
    clock_drifts: tuple[float, ...] = ()
    flush_s: float | None = None
    keep_log_s: float | None = None
    chunk_bytes: int | None = None
    failover: FailoverTimings | None = None
    guarded: bool = False
    spells: Spells = NO_SPELLS


CALM = Conditions()
"""A world as it is by itself."""


def draw(random: Random, node_count: int) -> Conditions:
    """Conditions for a world of so many nodes; each kind of trouble is absent from half of the worlds."""

    def sometimes(low: float, high: float) -> float:
        value = round(low * (high / low) ** random.random(), 6)
        return value if random.random() < 0.5 else 0.0

    delay_s, jitter_s, sync_s = sometimes(0.0001, 0.02), sometimes(0.0001, 0.05), sometimes(0.0001, 0.02)
    loss, duplication = sometimes(0.0005, 0.01), sometimes(0.001, 0.05)
    skewed, drifting = sometimes(0.001, 2.0), sometimes(0.00001, 0.005)
    flush_s, keep_log_s, chunk_bytes = sometimes(0.2, 3.0), sometimes(0.1, 3.0), sometimes(150.0, 5000.0)
    return Conditions(
        delay_s=delay_s or None,
        jitter_s=jitter_s or None,
        loss=loss,
        duplication=duplication,
        sync_s=sync_s or None,
        clock_offsets_s=_around_zero(random, skewed, node_count),
        clock_drifts=_around_zero(random, drifting, node_count),
        flush_s=flush_s or None,
        keep_log_s=keep_log_s or None,
        chunk_bytes=round(chunk_bytes) or None,
    )


def _around_zero(random: Random, width: float, count: int) -> tuple[float, ...]:
    return tuple(round(random.uniform(-width, width), 6) for _ in range(count)) if width else ()


def cast_in(conditions: Conditions, plan: Plan, *, keep_trace: bool = False) -> Cast:
    """The parts of a run in a new world that is so. ValueError as of `harness.run.cast`."""
    parts = cast(plan, keep_trace=keep_trace, database=_database(conditions, plan))
    world = parts.environment.simulation
    assert isinstance(world, SimulatedWorld)
    _make(world, conditions)
    last = list(parts.workloads)[-1]
    workload = parts.workloads[last]
    troubled = _then_trouble(workload.setup, lambda: _trouble(conditions, plan, parts.environment, world))
    return replace(parts, workloads={**parts.workloads, last: replace(workload, setup=troubled)})


def _database(conditions: Conditions, plan: Plan) -> DatabaseOptions:
    server, applier = {}, {}
    if conditions.keep_log_s is not None:
        server["--rocksdb.wal-file-timeout"] = str(conditions.keep_log_s)
        server["--rocksdb.wal-file-timeout-initial"] = str(conditions.keep_log_s)
    if conditions.chunk_bytes is not None:
        applier["chunkSize"] = conditions.chunk_bytes
    timings = conditions.failover or plan.timings
    return DatabaseOptions(
        plan.topology,
        plan.op_timeout_s,
        timings,
        server=server,
        applier=applier,
        guarded=conditions.guarded,
    )


def _make(world: SimulatedWorld, conditions: Conditions) -> None:
    usual = Link()
    world.network.default = Link(
        delay_s=usual.delay_s if conditions.delay_s is None else conditions.delay_s,
        jitter_s=usual.jitter_s if conditions.jitter_s is None else conditions.jitter_s,
    )
    for number, host in enumerate(world.hosts.values()):
        if conditions.sync_s is not None:
            host.disk.sync_s = conditions.sync_s
        if number < len(conditions.clock_offsets_s):
            host.clock.offset_ns = round(conditions.clock_offsets_s[number] * 1e9)
        if number < len(conditions.clock_drifts):
            host.clock.set_drift(conditions.clock_drifts[number])


def _then_trouble(
    setup: Callable[[Session], Any] | None, trouble: Callable[[], object]
) -> Callable[[Session], Awaitable[None]]:
    """The last step of setting up, and then the world's trouble begins."""

    async def set_up(session: Session) -> None:
        made = None if setup is None else setup(session)
        if inspect.isawaitable(made):
            await made
        trouble()

    return set_up


def _trouble(
    conditions: Conditions, plan: Plan, environment: Environment, world: SimulatedWorld
) -> asyncio.Task[None] | None:
    """What begins only when everything is set up; the task is of the world's loop, which holds it."""
    world.network.default.loss = conditions.loss
    world.network.default.duplication = conditions.duplication
    until_s = world.loop.time() + plan.time_limit_s
    cast_spells(conditions.spells, world, until_s)
    if conditions.flush_s is None:
        return None
    headers = _ADMINISTRATOR if conditions.guarded else {}
    return world.loop.create_task(_flush(conditions.flush_s, until_s, environment, world, headers))


async def _flush(
    mean_s: float, until_s: float, environment: Environment, world: SimulatedWorld, headers: Mapping[str, str]
) -> None:
    """Ask some node again and again; one that is down does not answer."""
    random = world.stream("flush")
    while True:
        await asyncio.sleep(random.uniform(0.5, 1.5) * mean_s)
        if world.loop.time() > until_s:
            return
        node = random.choice(list(environment.nodes))
        transport = environment.transport(node, PORT)
        try:
            await transport.request("PUT", _FLUSH, headers=headers, body=b"", timeout_s=_FLUSH_TIMEOUT_S)
        except TransportError:
            continue
        finally:
            await transport.close()
