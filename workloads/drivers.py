"""What drivers do besides documents, while leaders change: they find the leader, make users and queue jobs.

Drivers that know one server only look for the leader, by what refusals and lists of servers say
(`checkers.guidance`). Users are made with a level each; in the end the leader is asked for some of them as
administrators ask (`checkers.accounts`). Of the jobs one half runs at once, and the other waits in a queue
that is not opened before the end, so that the last leader has jobs that others were given
(`checkers.queued_jobs`). Users and jobs are writes like any other: those that had not been shipped may be
lost with their leader, and no others (`checkers.failover_loss`).

Not here: whether passwords and levels are enforced. Everybody may do everything in a run; requests with
passwords are tests of their own.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from checkers.accounts import Accounts, level
from checkers.availability import Availability
from checkers.failover_loss import FailoverLoss
from checkers.guidance import Guidance, led
from checkers.history import History, Op
from checkers.queued_jobs import QueuedJobs, resumed
from checkers.verdict import Checker, Limits, Verdict
from workloads.generator import (
    Generator,
    any_of,
    delay,
    lift,
    limit,
    phases,
    reserve,
    sleep,
    stagger,
    time_limit,
    until,
    until_ok,
)
from workloads.members import at_leader, observe
from workloads.members.looking import ANCHOR
from workloads.protocol.failover import FailoverSession, Member, Reply
from workloads.protocol.judgement import Exposure, Judgement
from workloads.protocol.outcome import Fail, Ok, Outcome, RequestError
from workloads.protocol.placement import servers
from workloads.protocol.workload import Options, Workload
from workloads.replicas import final

COLLECTION = "drivers"
_JOBS, _QUEUES = "_jobs", "_queues"
_AT_ONCE, _CLOSED = "at-once", "closed"
_USER = "user-"
_WAYS = ("refusal", "list")
_REFUSED = (1495, 1496)
_NOT_THERE = 404
_LAST = 1_000_000_000
_PATIENCE_S, _POLL_S = 60.0, 0.1
_KNOWN_S = 6.0
"""So long after a leader has taken over, every server must have heard of it."""
_ROUNDS = 8
_JOBS_S = 40.0
_LOOKS = 12
_READ: dict[str, object] = {"f": "read", "value": {"dirty": False}}
_LOOK: dict[str, object] = {"f": "observe"}


def workload(options: Options) -> Workload:
    """The workload."""
    count = len(servers(options.nodes))
    return Workload(
        generator=_generator(options, count),
        final_generator=_final(count),
        client=DriversClient,
        setup=_create,
        checker=Judgement(
            {
                "guidance": Guidance(),
                "accounts": Accounts(),
                "jobs": QueuedJobs(),
                "loss": Kept(FailoverLoss(frozenset({"user", "job"}))),
                "availability": Availability(),
            },
            exposures=_exposures,
            blame={
                "driver-lost": "AF-DRIVERS",
                "wrong-permission": "AF-USERS",
                "user-not-valid": "AF-USERS",
                "job-not-run": "AF-QUEUES",
                "job-failed": "AF-QUEUES",
                "job-run-twice": "AF-QUEUES",
                "job-without-effect": "AF-QUEUES",
            },
        ),
        clauses=("AF-USERS", "AF-QUEUES", "AF-DRIVERS"),
        topologies=frozenset({"active-failover"}),
        minimum={"job": 20, "user": 10, "find": 20, "look": 1, "read": 4},
    )


async def _create(session: FailoverSession) -> None:
    leader = session.on(session.leader)
    await leader.create_collection(COLLECTION, wait_for_sync=False)
    await leader.upsert(COLLECTION, ANCHOR, {})
    await leader.upsert(_QUEUES, _AT_ONCE, {"maxWorkers": 1})


def _generator(options: Options, count: int) -> Generator:
    """Looks at the agency have a thread of their own where there are two: a gap in them hides who led."""
    rate = options.rate
    looks = stagger(1 / min(0.3 * rate, 5.0), lift(itertools.cycle([_LOOK])))
    work = any_of(
        stagger(1 / min(0.3 * rate, 8.0), lift(_jobs(0))),
        stagger(1 / min(0.15 * rate, 3.0), lift(_users(0))),
        stagger(1 / min(0.2 * rate, 8.0), lift(_finds(count))),
        stagger(1.0, lift(itertools.cycle(_reads(count)))),
    )
    if options.concurrency < 2:
        return any_of(looks, work)
    return reserve((options.concurrency - 1, work), rest=looks)


def _users(first: int) -> Iterator[Mapping[str, Any]]:
    """Their numbers are even: users and jobs are numbered together, for they go into one log."""
    return ({"f": "user", "value": number} for number in itertools.count(first, 2))


def _jobs(first: int) -> Iterator[Mapping[str, Any]]:
    return ({"f": "job", "value": number} for number in itertools.count(first + 1, 2))


def _finds(count: int) -> Iterator[Mapping[str, Any]]:
    ways = itertools.cycle(itertools.product(range(count), _WAYS))
    return ({"f": "find", "value": {"server": server, "way": way}} for server, way in ways)


def _reads(count: int) -> Iterator[Mapping[str, Any]]:
    """Of the leader, and of every server in turn: what a follower shows had been shipped to it."""
    for server in range(count):
        yield _READ
        yield {"f": "read", "value": {"dirty": True, "server": server}}


def _final(count: int) -> Generator:
    """Somebody must lead; then drivers from everywhere; then all jobs must be done, and users be valid."""
    more = any_of(delay(_POLL_S, until_ok(lift(_users(_LAST)))), delay(_POLL_S, until_ok(lift(_jobs(_LAST)))))
    return phases(
        time_limit(_PATIENCE_S, more),
        time_limit(_PATIENCE_S, delay(_POLL_S, until(_is_found, lift(_finds(count))))),
        sleep(_KNOWN_S),
        limit(2 * count * _ROUNDS, delay(_POLL_S, lift(_finds(count)))),
        final([{"f": "open"}]),
        time_limit(_JOBS_S, delay(0.5, until(_all_done, _READ))),
        final([_LOOK, _READ]),
        limit(2 * _LOOKS, delay(_POLL_S, lift(_final_looks()))),
        final([_READ]),
    )


def _final_looks() -> Iterator[Mapping[str, Any]]:
    """The first users, which have seen the most leaders. The agency tells whether there is a new one."""
    for number in range(_LOOKS):
        yield _LOOK
        yield {"f": "look", "value": 2 * number}


def _is_found(event: Op) -> bool:
    return event.type == "ok" and bool(event.value["found"])


def _all_done(event: Op) -> bool:
    return event.type == "ok" and not event.value["pending"]


def _exposures(history: History) -> Mapping[str, Exposure]:
    """AF-USERS: users that the last leader has and others made. AF-QUEUES: jobs that it did and others were
    given. AF-DRIVERS: drivers that were led from another server to the leader.
    """
    done = [pair for pair in history.pairs if pair.type == "ok"]
    made = {pair.invoke.value: pair.node for pair in done if pair.f == "user"}
    last = next((p for p in reversed(done) if p.f == "read" and not p.value["dirty"]), None)
    numbers = [] if last is None else last.value["numbers"]
    node = None if last is None else last.node
    return {
        "AF-USERS": Exposure(len(made), sum(1 for n in numbers if made.get(n, node) != node)),
        "AF-QUEUES": Exposure(sum(1 for pair in done if pair.f == "job"), len(resumed(history))),
        "AF-DRIVERS": Exposure(sum(1 for pair in done if pair.f == "find"), len(led(history))),
    }


@dataclass(frozen=True, slots=True)
class Kept:
    """What is lost of users and jobs, for the promises that they are kept. What asynchronous replication may
    lose is left to those who judge that.
    """

    checker: Checker

    def check(self, history: History, limits: Limits) -> Verdict:
        """The checker's verdict, every anomaly with its clause."""
        verdict = self.checker.check(history, limits)
        blamed = tuple(
            replace(anomaly, clause="AF-QUEUES" if anomaly.details["number"] % 2 else "AF-USERS")
            for anomaly in verdict.anomalies
        )
        return replace(verdict, anomalies=blamed, weaknesses=())


class DriversClient:
    """One process: a driver."""

    def __init__(self, session: FailoverSession) -> None:
        self._session = session
        self._requests: Mapping[str, Callable[[Op], Awaitable[Outcome]]] = {
            "find": self._find,
            "user": self._make_user,
            "job": self._queue,
            "open": lambda _: self._open(),
            "read": self._read,
            "look": self._look,
            "observe": lambda _: observe(session),
        }

    async def invoke(self, op: Op) -> Outcome:
        """Do one operation."""
        if op.f not in self._requests:
            raise ValueError(f"the drivers workload has no operation {op.f!r}")
        return await self._requests[op.f](op)

    async def _find(self, op: Op) -> Outcome:
        """From one server to the next, as each says, until nobody says anything new."""
        session = self._session
        asked = [session.nodes[op.value["server"] % len(session.nodes)]]
        try:
            if op.value["way"] == "list":
                reply = await session.member(asked[0]).probe_endpoints()
                first = session.node_at(reply.endpoints[0]) if reply.endpoints else None
                if first is None:
                    return Ok(_found(op, asked, reply, found=False), asked[-1])
                asked += [first] if first != asked[0] else []
            while True:
                reply = await session.member(asked[-1]).probe_read(COLLECTION, ANCHOR, dirty=False)
                following = session.node_at(reply.endpoint) if reply.endpoint else None
                if reply.number not in _REFUSED or following is None or following in asked:
                    break
                asked.append(following)
        except RequestError as error:
            return Fail(f"{' → '.join(asked)}: {error}", asked[-1])  # a look has no effect
        # The leader may have lost the document that everybody asks for.
        return Ok(_found(op, asked, reply, found=reply.accepted or reply.status == _NOT_THERE), asked[-1])

    async def _make_user(self, op: Op) -> Outcome:
        name, granted = _name(op.value), level(op.value)

        async def request(node: str) -> None:
            member = self._session.member(node)
            await member.create_user(name)
            try:
                await member.grant(name, granted)
            except RequestError as error:
                raise RequestError(f"made, and then: {error}", definite=False) from error

        return await at_leader(self._session, request)

    async def _queue(self, op: Op) -> Outcome:
        job = {
            "queue": _CLOSED if op.value // 2 % 2 else _AT_ONCE,
            "status": "pending",
            "data": {"collection": COLLECTION, "document": {"job": op.value}},
        }

        async def request(node: str) -> None:
            await self._session.member(node).queue(f"job-{op.value}", job)

        return await at_leader(self._session, request)

    async def _open(self) -> Outcome:
        """Both queues: the first one may have been lost with the first leader."""

        async def request(node: str) -> None:
            for queue in (_AT_ONCE, _CLOSED):
                await self._session.on(node).upsert(_QUEUES, queue, {"maxWorkers": 1})

        return await at_leader(self._session, request)

    async def _look(self, op: Op) -> Outcome:
        async def request(node: str) -> object:
            return {"number": op.value, "level": await self._session.member(node).level(_name(op.value))}

        return _without_effect(await at_leader(self._session, request))

    async def _read(self, op: Op) -> Outcome:
        """Of whoever leads, or of the server that the operation names."""
        session = self._session
        if not op.value["dirty"]:
            outcome = await at_leader(session, lambda node: _shown(session.member(node), dirty=False))
            return _without_effect(outcome)
        node = session.nodes[op.value["server"] % len(session.nodes)]
        try:
            return Ok(await _shown(session.copy(node), dirty=True), node)
        except RequestError as error:
            return Fail(str(error), node)


async def _shown(member: Member, *, dirty: bool) -> dict[str, Any]:
    """Users, then jobs, then, of a leader, the documents that jobs wrote."""
    users = {
        int(name.removeprefix(_USER)): has
        for name, has in (await member.users()).items()
        if name.startswith(_USER)
    }
    jobs = {job.body["data"]["document"]["job"]: job.body for job in await member.read_all(_JOBS)}
    valid = [number for number, has in users.items() if has == level(number)]
    shown: dict[str, Any] = {
        "numbers": sorted({*valid, *jobs}),
        "wrong": [[n, has] for n, has in sorted(users.items()) if has not in (level(n), "none")],
        "dirty": dirty,
    }
    if not dirty:
        done = Counter(d.body["job"] for d in await member.read_all(COLLECTION) if "job" in d.body)
        shown |= {
            "numbers": sorted({*valid, *jobs, *done}),
            "jobs": sorted({*jobs, *done}),
            "pending": sorted(n for n, job in jobs.items() if job["status"] == "pending"),
            "failed": sorted(n for n, job in jobs.items() if job["status"] == "failed"),
            "done": [[number, count] for number, count in sorted(done.items())],
        }
    return shown


def _name(number: int) -> str:
    return f"{_USER}{number}"


def _found(op: Op, asked: list[str], reply: Reply, *, found: bool) -> dict[str, Any]:
    return {**op.value, "asked": asked, "found": found, "status": reply.status, "number": reply.number}


def _without_effect(outcome: Outcome) -> Outcome:
    """Of a read: whatever happened to it, nothing was changed."""
    return outcome if isinstance(outcome, Ok) else Fail(outcome.error, outcome.node)
