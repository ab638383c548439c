"""Writes on the leader, reads on the followers, and equal copies at the end.

Half of the threads write to the leader: documents with rising numbers, removals of earlier ones, and stream
transactions that give the same number to both documents of a slot. The others read everything on one server
after the other, and ask the followers for the state of their replication, also while the leader is gone. In
the end every follower must apply the leader's last tick, and all servers must hold the same documents and
revisions.

What is judged: a follower shows a prefix of the leader's log (LF-ORDER), no transaction in half (LF-STOP),
everything in the end (LF-CONVERGE), which needs the log to have everything (LF-WAL), and keeps to its leader
(LF-NO-FAILOVER). How far it lags behind (LF-LAG) is admitted by the documents; it is measured.

Not here: set-up, resynchronization and configuration, one by one. They need requests, not a load.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from checkers.allegiance import Allegiance
from checkers.availability import Availability
from checkers.convergence import Convergence
from checkers.history import Op
from checkers.replication import Replication
from workloads.generator import Generator, lift, mix, phases, reserve, stagger
from workloads.protocol.capabilities import Document, Session
from workloads.protocol.judgement import Judgement
from workloads.protocol.outcome import Fail, Ok, Outcome, RequestError
from workloads.protocol.workload import Options, Workload
from workloads.replicas import converge, exposures, final, observe_state, take_snapshot

COLLECTION = "leader_follower"
_SLOTS = 4
_HALVES = ("left", "right")
_BLAME = {
    "lost-write": "LF-WAL",
    "divergence": "LF-CONVERGE",
    "order-violation": "LF-ORDER",
    "phantom-on-follower": "LF-ORDER",
    "half-transaction": "LF-STOP",
    "replication-lag": "LF-LAG",
    "unasked-promotion": "LF-NO-FAILOVER",
}


def workload(options: Options) -> Workload:
    """The workload. Needs at least one follower."""
    followers = options.followers
    return Workload(
        generator=_generator(options, followers),
        final_generator=phases(converge(followers), final(_reads(followers))),
        client=LeaderFollowerClient,
        setup=lambda session: _create(session, options),
        checker=Judgement(
            {
                "replication": Replication(durable=options.wait_for_sync),
                "convergence": Convergence(),
                "allegiance": Allegiance(),
                "availability": Availability(),
            },
            exposures=exposures,
            blame=_BLAME,
        ),
        clauses=("LF-WAL", "LF-CONVERGE", "LF-ORDER", "LF-LAG", "LF-STOP", "LF-NO-FAILOVER"),
        topologies=frozenset({"leader-follower"}),
        minimum={"insert": 60, "transact": 20, "remove": 5, "read": 40, "snapshot": followers + 1},
    )


async def _create(session: Session, options: Options) -> None:
    leader = session.on(session.leader)
    await leader.create_collection(COLLECTION, wait_for_sync=options.wait_for_sync)


def _generator(options: Options, followers: int) -> Generator:
    """Writers and readers have threads of their own, so that a dead leader does not silence the readers."""
    writers = max(1, options.concurrency // 2)
    writes = stagger(1 / (0.6 * options.rate), lift(_writes()))
    states = itertools.cycle({"f": "state", "value": {"follower": number}} for number in range(followers))
    reads = lift(itertools.cycle(_reads(followers)))
    looks = stagger(1 / (0.4 * options.rate), mix(reads, reads, reads, lift(states)))
    if options.concurrency < 2:
        return mix(writes, looks)
    return reserve((writers, writes), rest=looks)


def _reads(followers: int) -> list[dict[str, Any]]:
    return [{"f": "read", "value": {"server": server}} for server in range(followers + 1)]


def _writes() -> Iterator[Mapping[str, Any]]:
    """Of sixteen numbers four are transactions and twelve new documents, of which one is removed later."""
    for number in itertools.count():
        if number % 4 == 3:
            yield {"f": "transact", "value": [number // 4 % _SLOTS, number]}
        else:
            yield {"f": "insert", "value": number}
        if number % 16 == 15:
            yield {"f": "remove", "value": number - 13}


class LeaderFollowerClient:
    """One process: writes go to the leader, reads to the server they name."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def invoke(self, op: Op) -> Outcome:
        """Do one operation."""
        match op.f:
            case "insert" | "remove" | "transact":
                return await self._write(op)
            case "read":
                return await self._read(op.value["server"])
            case "state":
                return await observe_state(self._session, op)
            case "snapshot":
                return await take_snapshot(self._session, op, COLLECTION)
        raise ValueError(f"the leader_follower workload has no operation {op.f!r}")

    async def _write(self, op: Op) -> Outcome:
        leader = self._session.leader
        node = self._session.on(leader)
        try:
            match op.f:
                case "insert":
                    await node.insert(COLLECTION, {"number": op.value}, key=f"number-{op.value}")
                case "remove":
                    await node.remove(COLLECTION, f"number-{op.value}")
                case "transact":
                    slot, number = op.value
                    both = {_half(slot, half): {"number": number} for half in _HALVES}
                    await node.transact(COLLECTION, both)
        except RequestError as error:
            return replace(error.outcome, node=leader)
        return Ok(node=leader)

    async def _read(self, server: int) -> Outcome:
        node = (self._session.leader, *self._session.followers)[server]
        try:
            documents = await self._session.on(node).read_all(COLLECTION)
        except RequestError as error:
            return Fail(str(error), node)  # whatever happened to it: a read has no effect
        return Ok(_shown(documents), node)


def _shown(documents: Sequence[Document]) -> dict[str, Any]:
    """What a read found, in the shape of `checkers.numbered_writes`."""
    numbers, halves = [], {}
    for document in documents:
        if document.key.startswith("number-"):
            numbers.append(document.body["number"])
        elif document.key.startswith("slot-"):
            halves[document.key] = document.body["number"]
    slots = [[slot, *(halves.get(_half(slot, half)) for half in _HALVES)] for slot in range(_SLOTS)]
    return {"numbers": sorted(numbers), "slots": [slot for slot in slots if slot[1:] != [None, None]]}


def _half(slot: int, half: str) -> str:
    return f"slot-{slot}-{half}"
