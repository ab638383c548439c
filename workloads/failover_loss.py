"""Unique inserts at whoever leads, while leaders change: what is lost, and whether it may be.

Clients find the leader as a driver does, by following what followers answer. Everything is read now and then,
at the leader and, allowed to be dirty, at each server in turn; in the end all servers must hold the same, and
a last read of the leader says which acknowledged writes are left. What a loss may look like is in
`checkers.failover_loss`.

Not here: writes other than inserts. A failover loses the end of a log, whatever is in it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

from checkers.availability import Availability
from checkers.convergence import Convergence
from checkers.failover_loss import FailoverLoss
from checkers.history import History, Op
from checkers.verdict import Checker, Limits, Verdict
from workloads.generator import Generator, any_of, delay, lift, phases, stagger, time_limit
from workloads.members import at_leader
from workloads.protocol.failover import FailoverSession
from workloads.protocol.judgement import Exposure, Judgement
from workloads.protocol.outcome import Fail, Ok, Outcome, RequestError
from workloads.protocol.placement import servers
from workloads.protocol.workload import Options, Workload
from workloads.replicas import final
from workloads.replicas.phase import Rounds

COLLECTION = "failover_loss"
_READ_INTERVAL_S = 2.0
"""A read carries every element, so reads are few."""
_AGREEMENT_S = 100.0
_SNAPSHOT_S = 0.5
_READ: dict[str, object] = {"f": "read", "value": {"dirty": False}}


def workload(options: Options) -> Workload:
    """The workload."""
    count = len(servers(options.nodes))
    snapshots = time_limit(_AGREEMENT_S, delay(_SNAPSHOT_S, Rounds(count)))
    return Workload(
        generator=_generator(options, count),
        final_generator=phases(final([_READ]), snapshots, final([_READ])),
        client=FailoverLossClient,
        setup=lambda session: _create(session, options),
        checker=Judgement(
            {
                "loss": FailoverLoss(),
                "convergence": Rejoined(Convergence()),
                "availability": Availability(),
            },
            exposures=_exposures,
            blame={
                "lost-outside-window": "AF-ASYNC-LOSS",
                "resurrected-write": "AF-ASYNC-LOSS",
                "phantom": "AF-ASYNC-LOSS",
                "lost-in-window": "AF-ASYNC-LOSS",
            },
        ),
        clauses=("AF-ASYNC-LOSS", "AF-AUTO-REPLICATION", "AF-REJOIN"),
        topologies=frozenset({"active-failover"}),
        minimum={"insert": 100, "read": 4, "snapshot": count},
    )


async def _create(session: FailoverSession, options: Options) -> None:
    leader = session.on(session.leader)
    await leader.create_collection(COLLECTION, wait_for_sync=options.wait_for_sync)


def _generator(options: Options, count: int) -> Generator:
    inserts = lift({"f": "insert", "value": number} for number in itertools.count())
    reads = itertools.cycle(
        [_READ, *({"f": "read", "value": {"dirty": True, "server": server}} for server in range(count))]
    )
    return any_of(stagger(1 / options.rate, inserts), stagger(_READ_INTERVAL_S, lift(reads)))


def _leaders(history: History) -> list[str]:
    """The nodes that acknowledged inserts, in the order of their first one."""
    done = (pair.node for pair in history.pairs if pair.f == "insert" and pair.type == "ok")
    return list(dict.fromkeys(node for node in done if node is not None))


@dataclass(frozen=True, slots=True)
class Rejoined:
    """A checker of snapshots that says which promise a server broke that does not agree with the others: one
    that had led before came back badly, another one did not replicate by itself.

    Expects of an anomaly that the last of its `details["nodes"]` is the server that disagrees.
    """

    checker: Checker

    def check(self, history: History, limits: Limits) -> Verdict:
        """The checker's verdict, every anomaly with its clause."""
        verdict = self.checker.check(history, limits)
        led = _leaders(history)
        return replace(
            verdict,
            anomalies=tuple(
                replace(
                    anomaly,
                    clause="AF-REJOIN" if anomaly.details["nodes"][-1] in led else "AF-AUTO-REPLICATION",
                )
                for anomaly in verdict.anomalies
            ),
        )


def _exposures(history: History) -> Mapping[str, Exposure]:
    """AF-ASYNC-LOSS: acknowledged inserts by leaders that others followed. AF-AUTO-REPLICATION: snapshots.
    AF-REJOIN: snapshots of servers that had led before.
    """
    acknowledged = [pair for pair in history.pairs if pair.f == "insert" and pair.type == "ok"]
    snapshots = [pair for pair in history.pairs if pair.f == "snapshot" and pair.type == "ok"]
    last = acknowledged[-1].node if acknowledged else None
    led = _leaders(history)
    return {
        "AF-ASYNC-LOSS": Exposure(len(acknowledged), sum(1 for p in acknowledged if p.node != last)),
        "AF-AUTO-REPLICATION": Exposure(len(acknowledged), sum(1 for p in snapshots if p.node != last)),
        "AF-REJOIN": Exposure(
            len(acknowledged), sum(1 for p in snapshots if p.node != last and p.node in led)
        ),
    }


class FailoverLossClient:
    """One process: inserts and reads at whoever leads, dirty reads and snapshots of every server."""

    def __init__(self, session: FailoverSession) -> None:
        self._session = session

    async def invoke(self, op: Op) -> Outcome:
        """Do one operation."""
        match op.f:
            case "insert":
                return await self._insert(op.value)
            case "read" if op.value["dirty"]:
                return await self._read_copy(op.value["server"])
            case "read":
                return await self._read()
            case "snapshot":
                return await self._snapshot(op.value["server"])
        raise ValueError(f"the failover_loss workload has no operation {op.f!r}")

    async def _insert(self, number: int) -> Outcome:
        async def request(node: str) -> None:
            await self._session.on(node).insert(COLLECTION, {"number": number}, key=f"number-{number}")

        return await at_leader(self._session, request)

    async def _read(self) -> Outcome:
        async def request(node: str) -> object:
            documents = await self._session.on(node).read_all(COLLECTION)
            return {"numbers": sorted(document.body["number"] for document in documents), "dirty": False}

        outcome = await at_leader(self._session, request)
        return outcome if isinstance(outcome, Ok) else Fail(outcome.error, outcome.node)

    async def _read_copy(self, server: int) -> Outcome:
        node = self._node(server)
        try:
            documents = await self._session.copy(node).read_all(COLLECTION)
        except RequestError as error:
            return Fail(str(error), node)  # whatever happened to it: a read has no effect
        return Ok({"numbers": sorted(d.body["number"] for d in documents), "dirty": True}, node)

    async def _snapshot(self, server: int) -> Outcome:
        node = self._node(server)
        try:
            documents = await self._session.copy(node).read_all(COLLECTION)
        except RequestError as error:
            return Fail(str(error), node)
        return Ok({"node": node, "documents": {d.key: d.revision for d in documents}}, node)

    def _node(self, server: int) -> str:
        return self._session.nodes[server % len(self._session.nodes)]
