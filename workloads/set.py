"""Unique inserts on the server that takes writes, and reads of everything: no acknowledged one is missing.

Every document is one element of a set; nothing is ever changed or removed. What was acknowledged must be in
every later read, once; what was never added must be in none. With followers, every copy must be equal in the
end.

The clause behind it is LF-WAL: changes enter the leader's log, and what is in the log is there after a
restart. That holds for writes with `waitForSync`, the default here.

Not here: what a power loss may take from writes that did not ask for `waitForSync`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

from checkers.availability import Availability
from checkers.convergence import Convergence
from checkers.history import History, Op
from checkers.set_full import SetFull
from checkers.verdict import Checker
from workloads.generator import Generator, any_of, lift, phases, repeat, stagger
from workloads.protocol.capabilities import Session
from workloads.protocol.judgement import Exposure, Judgement, Only
from workloads.protocol.outcome import Fail, Ok, Outcome, RequestError
from workloads.protocol.workload import Options, Workload
from workloads.replicas import converge, final, observe_state, take_snapshot

COLLECTION = "set"
_READ_INTERVAL_S = 2.0
"""A read carries every element, so reads are few."""


def workload(options: Options) -> Workload:
    """The workload. Copies are judged if there are followers."""
    followers = options.followers
    checkers: dict[str, Checker] = {
        "set": Only(frozenset({"add", "read"}), SetFull(linearizable=True)),
        "availability": Availability(),
    }
    return Workload(
        generator=_generator(options),
        final_generator=phases(final([{"f": "read"}]), *([converge(followers)] if followers else [])),
        client=SetClient,
        setup=lambda session: _create(session, options),
        checker=Judgement(
            checkers | ({"convergence": Convergence()} if followers else {}),
            exposures=_exposures,
            blame={"lost-write": "LF-WAL", "divergence": "LF-CONVERGE"},
        ),
        clauses=("LF-WAL", *(["LF-CONVERGE"] if followers else [])),
        minimum={"add": 100, "read": 2} | ({"snapshot": followers + 1} if followers else {}),
    )


async def _create(session: Session, options: Options) -> None:
    leader = session.on(session.leader)
    await leader.create_collection(COLLECTION, wait_for_sync=options.wait_for_sync)


def _generator(options: Options) -> Generator:
    adds = lift({"f": "add", "value": element} for element in itertools.count())
    return any_of(stagger(1 / options.rate, adds), stagger(_READ_INTERVAL_S, repeat({"f": "read"})))


def _exposures(history: History) -> Mapping[str, Exposure]:
    """LF-WAL: acknowledged elements that a later read looked for. LF-CONVERGE: snapshots of followers."""
    done = [pair for pair in history.pairs if pair.type == "ok"]
    added = [pair for pair in done if pair.f == "add"]
    last = max((pair.invoke.index for pair in done if pair.f == "read"), default=-1)
    looked_for = sum(1 for pair in added if pair.completion is not None and pair.completion.index < last)
    snapshots = [pair for pair in done if pair.f == "snapshot" and pair.invoke.value["server"] > 0]
    return {
        "LF-WAL": Exposure(len(added), looked_for),
        "LF-CONVERGE": Exposure(len(added), len(snapshots)),
    }


class SetClient:
    """One process: adds and reads at the leader, snapshots of every server."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def invoke(self, op: Op) -> Outcome:
        """Do one operation."""
        match op.f:
            case "add":
                return await self._add(op.value)
            case "read":
                return await self._read()
            case "state":
                return await observe_state(self._session, op)
            case "snapshot":
                return await take_snapshot(self._session, op, COLLECTION)
        raise ValueError(f"the set workload has no operation {op.f!r}")

    async def _add(self, element: int) -> Outcome:
        leader = self._session.leader
        try:
            await self._session.on(leader).insert(COLLECTION, {"element": element}, key=f"element-{element}")
        except RequestError as error:
            return replace(error.outcome, node=leader)
        return Ok(node=leader)

    async def _read(self) -> Outcome:
        leader = self._session.leader
        try:
            documents = await self._session.on(leader).read_all(COLLECTION)
        except RequestError as error:
            return Fail(str(error), leader)  # whatever happened to it: a read has no effect
        return Ok([document.body["element"] for document in documents], leader)
