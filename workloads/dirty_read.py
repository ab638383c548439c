"""Reads that are allowed to be dirty, on every server, of documents that change all the time: how stale?

Every document is written by whoever leads, with numbers never used before on it, so that each read names the
write it saw. The staleness of each dirty read is measured in milliseconds and in operations; the documents
set no bound to it. A number that nobody wrote would be a violation.

Not here: whether answers are marked as possibly dirty (`redirects`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from checkers.availability import Availability
from checkers.history import History, Op
from checkers.staleness import Staleness
from workloads.generator import Generator, lift, mix, reserve, stagger
from workloads.members import at_leader
from workloads.protocol.failover import FailoverSession
from workloads.protocol.judgement import Exposure, Judgement
from workloads.protocol.outcome import Fail, Ok, Outcome, RequestError
from workloads.protocol.placement import servers
from workloads.protocol.workload import Options, Workload

COLLECTION = "dirty_read"
_KEYS = 4
_MISSING = (1202, 1203, 1228)


def workload(options: Options) -> Workload:
    """The workload."""
    count = len(servers(options.nodes))
    return Workload(
        generator=_generator(options, count),
        client=DirtyReadClient,
        setup=_create,
        checker=Judgement(
            {"staleness": Staleness(), "availability": Availability()},
            exposures=_exposures,
            blame={"phantom": "AF-DIRTY-READ"},
        ),
        clauses=("AF-DIRTY-READ",),
        topologies=frozenset({"active-failover"}),
        minimum={"write": 50, "read": 50},
    )


async def _create(session: FailoverSession) -> None:
    await session.on(session.leader).create_collection(COLLECTION, wait_for_sync=False)


def _generator(options: Options, count: int) -> Generator:
    """Writers and readers have threads of their own, so that a dead leader does not silence the readers."""
    writes = stagger(1 / (0.4 * options.rate), lift(_writes()))
    reads = stagger(1 / (0.6 * options.rate), lift(_reads(count)))
    if options.concurrency < 2:
        return mix(writes, reads)
    return reserve((max(1, options.concurrency // 2), writes), rest=reads)


def _writes() -> Iterator[Mapping[str, Any]]:
    return ({"f": "write", "key": n % _KEYS, "value": n} for n in itertools.count())


def _reads(count: int) -> Iterator[Mapping[str, Any]]:
    return (
        {"f": "read", "key": n // count % _KEYS, "value": {"server": n % count, "dirty": True}}
        for n in itertools.count()
    )


def _exposures(history: History) -> Mapping[str, Exposure]:
    """AF-DIRTY-READ: reads that were answered, and those of them that followers answered."""
    reads = [pair for pair in history.pairs if pair.f == "read" and pair.type == "ok"]
    return {"AF-DIRTY-READ": Exposure(len(reads), sum(1 for read in reads if read.value["marked"]))}


class DirtyReadClient:
    """One process: writes at whoever leads, reads at the server it is told."""

    def __init__(self, session: FailoverSession) -> None:
        self._session = session

    async def invoke(self, op: Op) -> Outcome:
        """Do one operation."""
        match op.f:
            case "write":
                return await self._write(f"key-{op.key}", op.value)
            case "read":
                return await self._read(f"key-{op.key}", op.value["server"])
        raise ValueError(f"the dirty_read workload has no operation {op.f!r}")

    async def _write(self, key: str, number: int) -> Outcome:
        async def request(node: str) -> None:
            await self._session.on(node).upsert(COLLECTION, key, {"number": number})

        return await at_leader(self._session, request)

    async def _read(self, key: str, server: int) -> Outcome:
        node = self._session.nodes[server % len(self._session.nodes)]
        try:
            reply = await self._session.member(node).probe_read(COLLECTION, key, dirty=True)
        except RequestError as error:
            return Fail(str(error), node)  # whatever happened to it: a read has no effect
        if not reply.accepted and reply.number not in _MISSING:
            return Fail(f"{reply.status}/{reply.number}", node)
        number = reply.body["number"] if reply.accepted else None
        return Ok({"server": server, "dirty": True, "number": number, "marked": reply.marked}, node)
