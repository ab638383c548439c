"""Reads, writes and compare-and-sets in the agency's tree: linearizable, and always of both paths at once.

Every register is two paths that are only ever written together, in one transaction; a compare-and-set names
both as preconditions, and a read asks for both in one transaction. So a linearizable history shows that the
agency's log is one (CL-AGENCY-RAFT), and two halves that always agree that its transactions are atomic
(CL-AGENCY-TRX). Written values are numbers never used before on the same register.

A write whose answer is lost, or is "no leader", stays unknown: it may be in a log already.

Not here: callbacks, times to live and the other operations of the tree; they need requests, not a load.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from checkers.availability import Availability
from checkers.history import History, Op
from checkers.linearizability import Linearizable
from checkers.models import model
from checkers.verdict import Anomaly, Limits, Verdict
from workloads.generator import keyed, stagger
from workloads.protocol.failover import FailoverSession
from workloads.protocol.judgement import Exposure, Judgement
from workloads.protocol.outcome import Fail, Ok, Outcome, RequestError
from workloads.protocol.workload import Options, Workload
from workloads.register import Accesses

ROOT = "pestle"
_HALVES = ("left", "right")
_THREADS_PER_KEY = 4
_OPS_PER_KEY = 120
_PROCESSES_PER_KEY = 12


def workload(options: Options) -> Workload:
    """The workload."""
    keys = keyed(
        itertools.count(),
        lambda _: Accesses(),
        threads_per_key=_THREADS_PER_KEY,
        ops_per_key=_OPS_PER_KEY,
        processes_per_key=_PROCESSES_PER_KEY,
    )
    return Workload(
        generator=stagger(1 / options.rate, keys),
        client=AgencyClient,
        checker=Judgement(
            {"linearizable": Registers(), "halves": Halves(), "availability": Availability()},
            exposures=_exposures,
            blame={"half-transaction": "CL-AGENCY-TRX"},
        ),
        clauses=("CL-AGENCY-RAFT", "CL-AGENCY-TRX"),
        topologies=frozenset({"active-failover"}),
        minimum={"read": 100, "write": 50, "cas": 20},
    )


@dataclass(frozen=True, slots=True)
class Registers:
    """Linearizability; whatever breaks it breaks CL-AGENCY-RAFT."""

    def check(self, history: History, limits: Limits) -> Verdict:
        """The linearizability of every register."""
        whole = History(map(_without_torn, history), history.notes)
        verdict = Linearizable(model("cas-register")).check(whole, limits)
        blamed = tuple(replace(anomaly, clause="CL-AGENCY-RAFT") for anomaly in verdict.anomalies)
        return replace(verdict, anomalies=blamed)


def _without_torn(op: Op) -> Op:
    """A read of two different halves says nothing about the register; it is `Halves`' business."""
    return msgspec.structs.replace(op, type="fail", value=None) if _torn(op) else op


def _torn(op: Op) -> bool:
    return op.f == "read" and op.type == "ok" and isinstance(op.value, list)


@dataclass(frozen=True, slots=True)
class Halves:
    """Both paths of a register always hold the same; a read that shows otherwise is `half-transaction`."""

    def check(self, history: History, limits: Limits) -> Verdict:  # noqa: ARG002 - one pass, without a search
        """Look at every read."""
        torn = [pair for pair in history.pairs if pair.completion is not None and _torn(pair.completion)]
        return Verdict(
            valid=not torn,
            anomalies=tuple(_half(pair.ops, pair.key, pair.value) for pair in torn[:10]),
            statistics={"torn_reads": len(torn)},
        )


def _half(ops: tuple[Op, ...], key: object, halves: object) -> Anomaly:
    return Anomaly(
        "half-transaction",
        f"a read of register {key} shows {halves} in two paths that are only ever written together",
        ops,
    )


def _exposures(history: History) -> Mapping[str, Exposure]:
    """Of both: all that was answered, and reads and compare-and-sets that saw something of another."""
    done = [pair for pair in history.pairs if pair.type == "ok"]
    seen = sum(1 for pair in done if pair.f in ("read", "cas") and pair.value is not None)
    return {
        "CL-AGENCY-RAFT": Exposure(len(done), seen),
        "CL-AGENCY-TRX": Exposure(len(done), sum(1 for pair in done if pair.f in ("write", "cas"))),
    }


class AgencyClient:
    """One process at the agency."""

    def __init__(self, session: FailoverSession) -> None:
        self._session = session

    async def invoke(self, op: Op) -> Outcome:
        """Do one operation at whichever agent leads."""
        paths = list(_paths(op.key))
        try:
            match op.f:
                case "read":
                    return Ok(await self._read(op.key, paths))
                case "write":
                    await self._session.agency.write(dict.fromkeys(paths, op.value))
                    return Ok()
                case "cas":
                    old, new = op.value
                    expected = dict.fromkeys(paths, old)
                    done = await self._session.agency.write(dict.fromkeys(paths, new), expected)
                    return Ok() if done else Fail("precondition failed")
        except RequestError as error:
            return Fail(str(error)) if op.f == "read" else error.outcome
        raise ValueError(f"the agency_register workload has no operation {op.f!r}")

    async def _read(self, key: object, paths: list[str]) -> Any:
        tree = await self._session.agency.read(paths)
        register = tree.get(ROOT, {}).get(f"register-{key}", {})
        left, right = (register.get(half) for half in _HALVES)
        return left if left == right else [left, right]


def _paths(key: object) -> Iterator[str]:
    return (f"/{ROOT}/register-{key}/{half}" for half in _HALVES)
