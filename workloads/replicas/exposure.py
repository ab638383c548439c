"""How well a history put the clauses about copies to the test."""

from __future__ import annotations

from collections.abc import Mapping

from checkers.allegiance import states_without_leader
from checkers.faults import deaths
from checkers.history import History
from checkers.numbered_writes import Read, Writes
from checkers.resync import resyncs
from workloads.protocol.judgement import Exposure


def exposures(history: History) -> Mapping[str, Exposure]:
    """By clause, what a history of the operations of `checkers.numbered_writes` exercised.

    LF-WAL: acknowledged writes, looked for on the leader in the end. LF-ORDER: reads of followers that showed
    anything. LF-STOP: reads that showed a transaction on a follower that had been killed before.
    LF-LAG: reads of followers. Of all these none counts that ran while the follower copied everything anew.
    LF-CONVERGE: snapshots of followers. LF-NO-FAILOVER: states told by followers while the leader was gone.
    """
    writes = Writes.of(history)
    acknowledged = len(writes.acknowledged)
    reads = [Read.of(pair) for pair in history.pairs if pair.f == "read" and pair.type == "ok"]
    copies = resyncs(history)
    of_followers = [
        r for r in reads if not any(c.touches(r.server - 1, r.pair) for c in copies) and r.server > 0
    ]
    looked_for = any(read.of_leader for read in reads)
    snapshots = [
        p for p in history.pairs if p.f == "snapshot" and p.type == "ok" and p.invoke.value["server"] > 0
    ]
    states = sum(1 for pair in history.pairs if pair.f == "state" and pair.type == "ok")
    transactions = sum(1 for write in writes.acknowledged if write.f == "transact")
    return {
        "LF-WAL": Exposure(acknowledged, acknowledged if looked_for else 0),
        "LF-CONVERGE": Exposure(acknowledged, len(snapshots)),
        "LF-ORDER": Exposure(acknowledged, sum(1 for r in of_followers if r.numbers or r.slots)),
        "LF-LAG": Exposure(acknowledged, len(of_followers)),
        "LF-STOP": Exposure(transactions, _after_restart(history, of_followers)),
        "LF-NO-FAILOVER": Exposure(states, _orphaned(history)),
    }


def _after_restart(history: History, reads: list[Read]) -> int:
    """Reads that showed a transaction on a follower whose applier had to begin again."""
    nodes = dict.fromkeys(read.pair.node for read in reads if read.pair.node is not None)
    killed = {node: [f.end for f in deaths(history, node) if f.family != "pause"] for node in nodes}
    return sum(
        1
        for read in reads
        if read.slots and any(end < read.pair.invoke.index for end in killed.get(read.pair.node or "", []))
    )


def _orphaned(history: History) -> int:
    """States told while the leader was gone. The leader is the node that answered writes."""
    leader = next((p.node for p in history.pairs if p.f == "insert" and p.type == "ok"), None)
    return 0 if leader is None else states_without_leader(history, leader)
