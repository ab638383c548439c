"""Supervision: the agency's look after the servers. It runs in the agent that leads, and nowhere else.

Each round it decides the health of every server and then runs the jobs that it was given; it knows no
mode.

A server gives a sign of life by writing something new to `Sync/ServerStates/<id>` in the transient tree.
What is counted is the time since this supervision *saw* that change, by its own monotonic clock; what the
server writes as its time means nothing. A supervision that has just begun has seen nothing, so it gives
every server the full grace period again, from its beginning on. So it never calls a server failed earlier
than a grace period after the server's latest sign of life was made; leases rest on that.

    GOOD     a sign of life within the ok threshold
    BAD      an older one
    FAILED   none for the grace period, and it was BAD in the round before

A new supervision keeps what its predecessor wrote until it has seen a sign of life or its time is over.
Changes go to `Supervision/Health/<id>` in the tree; the transient tree has the same with fresh times.

A job that raises anything else costs one round of it, and an error in the log.

A deposed leader may go on for a moment. Its writes do no harm, for they go through the log; what a job
writes must carry preconditions for all it has read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from reference.agency.agent import Agent, LostLeadership, NotLeading
from reference.agency.transaction import parse_write
from reference.agency.tree import ABSENT, path_of
from reference.world import World

_REGISTERED = "/arango/Current/ServersRegistered"
_PLANNED = ("/arango/Plan/Singles", "/arango/Plan/DBServers", "/arango/Plan/Coordinators")
_STATES = "/arango/Sync/ServerStates"
_HEALTH = "/arango/Supervision/Health"


class Status(StrEnum):
    """A server's health."""

    GOOD = "GOOD"
    BAD = "BAD"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Round:
    """One round of supervision, as jobs get it.

    `health` by server id; `term` is the one that this agent leads in.
    """

    agent: Agent
    term: int
    health: Mapping[str, Status]

    def get(self, path: str, default: Any = None) -> Any:
        """A copy of the value at `path` of the tree as applied here, or `default`."""
        return _copy(self.agent.store.tree.get(path_of(path)), default)

    def get_transient(self, path: str, default: Any = None) -> Any:
        """The same of the transient tree. Raises NotLeading."""
        return _copy(self.agent.read_transient().tree.get(path_of(path)), default)

    async def write(
        self, operations: Mapping[str, Any], preconditions: Mapping[str, Any] | None = None
    ) -> int | None:
        """Its index, or None if a precondition failed.

        Raises NotLeading and LostLeadership, which end the round.
        """
        if not self.agent.leads or self.agent.term != self.term:
            raise NotLeading(None)
        write = [dict(operations), dict(preconditions or {})]
        parse_write(write)
        return (await self.agent.write([write]))[0] or None


Job = Callable[[Round], Awaitable[None]]


class Supervision:
    """The rounds of one agent."""

    def __init__(
        self, world: World, agent: Agent, jobs: Sequence[Job], tell: Callable[[str, str], object]
    ) -> None:
        self._world = world
        self._agent = agent
        self._jobs = jobs
        self._tell = tell
        self._task: asyncio.Task[None] | None = None

    def start(self, failed: Callable[[], None]) -> None:
        """Begin; rounds happen while the agent leads. `failed` is called if it cannot go on."""

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                self._tell("fatal", f"the supervision ended: {error!r}")
                failed()

        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(ended)

    async def stop(self) -> None:
        """End, in the middle of a round if need be."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        frequency_s = self._agent.options.supervision_frequency_s
        watch: Watch | None = None
        while True:
            if not self._agent.leads:
                watch = None
            elif watch is None or watch.term != self._agent.term:
                watch = Watch(self._world, self._agent)
            if watch is not None:
                await self._round(watch)
            await self._world.clock.sleep(frequency_s)

    async def _round(self, watch: Watch) -> None:
        try:
            # Only after a majority has confirmed it does this agent know what its predecessors have decided.
            await self._agent.readable()
            this = Round(self._agent, watch.term, watch.look())
            await watch.publish(this)
            for job in self._jobs:
                await self._do(job, this)
        except (NotLeading, LostLeadership) as deposed:
            self._tell("info", f"supervision: round given up, {deposed}")

    async def _do(self, job: Job, this: Round) -> None:
        try:
            await job(this)
        except (NotLeading, LostLeadership):
            raise
        except Exception as error:  # noqa: BLE001 - what one job makes of the tree must not end the agency
            self._tell("error", f"supervision: a job failed: {error!r}")


class Watch:
    """What one leader has seen of the servers during its term."""

    def __init__(self, world: World, agent: Agent) -> None:
        self.term = agent.term
        self._world = world
        self._agent = agent
        self._began_ns = world.clock.monotonic_ns()
        self._states: dict[str, bytes] = {}
        self._seen_ns: dict[str, int] = {}
        self._status: dict[str, Status] = {}

    def look(self) -> dict[str, Status]:
        """The health of all registered servers, by id. Raises NotLeading."""
        tree, now_ns = self._agent.store.tree, self._world.clock.monotonic_ns()
        transient = self._agent.read_transient().tree
        for server in self._servers():
            state = transient.get(path_of(f"{_STATES}/{server}"))
            if state is not ABSENT and (sign := msgspec.json.encode(state)) != self._states.get(server):
                self._states[server], self._seen_ns[server] = sign, now_ns
            before = self._status.get(server)
            if before is None:
                before = _status(tree.get(path_of(f"{_HEALTH}/{server}/Status")))
            self._status[server] = self._judge(server, before, now_ns)
        return dict(self._status)

    async def publish(self, this: Round) -> None:
        """Write what has changed to the tree, and all to the transient one. Raises as `Round.write`."""
        time = _iso(self._world.clock.wall_ns())
        changed = {}
        for server, status in this.health.items():
            record = self._record(server, status, time)
            self._agent.write_transient(parse_write([{f"{_HEALTH}/{server}": {"op": "set", "new": record}}]))
            if this.get(f"{_HEALTH}/{server}/Status") != status:
                changed[f"{_HEALTH}/{server}"] = {"op": "set", "new": record}
        if changed:
            await this.write(changed)

    def _servers(self) -> list[str]:
        tree, found = self._agent.store.tree, dict[str, None]()
        for place in (_REGISTERED, *_PLANNED):
            servers = tree.get(path_of(place))
            if isinstance(servers, dict):
                found |= dict.fromkeys(servers)
        return sorted(found)

    def _judge(self, server: str, before: Status, now_ns: int) -> Status:
        options = self._agent.options
        seen_ns = self._seen_ns.get(server)
        age_s = (now_ns - (self._began_ns if seen_ns is None else seen_ns)) / 1e9
        if age_s <= options.supervision_ok_threshold_s:
            return before if seen_ns is None else Status.GOOD
        if age_s <= options.supervision_grace_period_s or before is Status.GOOD:
            return Status.FAILED if before is Status.FAILED else Status.BAD
        return Status.FAILED

    def _record(self, server: str, status: Status, time: str) -> dict[str, str]:
        registered = self._agent.store.tree.get(path_of(f"{_REGISTERED}/{server}"))
        known = registered if isinstance(registered, dict) else {}
        return {
            "Status": status,
            "Endpoint": known.get("endpoint", ""),
            "Host": known.get("host", ""),
            "ShortName": server,
            "SyncStatus": "SERVING" if status is Status.GOOD else "UNKNOWN",
            "Timestamp": time,
        }


def _status(value: Any) -> Status:
    """What a predecessor wrote. A server of which nothing is known is BAD: GOOD would be a claim."""
    return Status(value) if value in tuple(Status) else Status.BAD


def _copy(value: Any, default: Any) -> Any:
    return default if value is ABSENT else msgspec.json.decode(msgspec.json.encode(value))


def _iso(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
