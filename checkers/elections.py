"""Whether somebody leads whenever somebody can: an election has a winner, and soon.

The evidence is write probes of every server (`checkers.failover_probes`). While nothing is broken, a majority
of agents and a server with whole data are there, so somebody must take writes again; a row of refusals from
everybody that goes on for much longer than any timing explains is `none-for-long`. A write whose answer is
unknown may have been taken, and ends the row.

That no two servers win is the business of `checkers.leadership`. Not here either: who must win. A run finds
its group with a leader already; who wins the first race of all is tested by requests.

`statistics`: `elections`, which are changes of the server that takes writes, and starts of all servers at
once after each of them had been down, with a winner; `starts_at_once`, these alone; `longest_vacancy_ms`
while nothing was broken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from checkers.faults import Fault, faults
from checkers.history import History, Pair
from checkers.verdict import Anomaly, Limits, Verdict

_LONG_NS = 45_000_000_000
"""Several times what the slowest documented timings need."""
_TRIES = 30
_ENDINGS = frozenset({"kill", "power"})
"""Families after which a server is started anew."""


@dataclass(frozen=True, slots=True)
class Elections:
    """The checker. Unknown if no server was asked to take a write."""

    def check(self, history: History, limits: Limits) -> Verdict:  # noqa: ARG002 - one pass, without a search
        """Look for times without a leader."""
        writes = _writes(history)
        rows = list(_refused(writes, faults(history)))
        long = [row for row in rows if len(row) >= _TRIES and _length(row) >= _LONG_NS]
        reasons = () if writes else ("no server was asked to take a write",)
        return Verdict(
            valid=False if long else "unknown" if reasons else True,
            anomalies=tuple(map(_vacancy, long)),
            statistics={
                "elections": elections(history),
                "starts_at_once": len(_starts(history)),
                "longest_vacancy_ms": max(map(_length, rows), default=0) / 1e6,
            },
            reasons=reasons,
        )


def elections(history: History) -> int:
    """How often somebody won: another one than before, or anybody after all had been started at once."""
    taken = [write for write in _writes(history) if _is_taken(write)]
    nodes = [write.node for write in sorted(taken, key=_end)]
    changes = sum(1 for old, new in pairwise(nodes) if old != new)
    return changes + len(_starts(history))


def _writes(history: History) -> list[Pair]:
    return [p for p in history.pairs if p.f == "probe" and p.invoke.value["kind"] == "write"]


def _is_taken(write: Pair) -> bool:
    return write.type == "ok" and 200 <= write.value["status"] < 300


def _end(pair: Pair) -> int:
    return pair.ops[-1].index


def _length(row: Sequence[Pair]) -> int:
    """From the first question to the last answer, in ns."""
    return row[-1].ops[-1].time - row[0].invoke.time


def _refused(writes: Sequence[Pair], broken: Sequence[Fault]) -> Iterator[list[Pair]]:
    """Rows of writes that nobody took, with nothing broken from the first to the last."""
    row: list[Pair] = []
    for write in sorted(writes, key=lambda each: each.invoke.index):
        begin = row[0].invoke.index if row else write.invoke.index
        is_calm = not any(fault.begin <= _end(write) and begin <= fault.end for fault in broken)
        is_refused = write.type == "fail" or (write.type == "ok" and not _is_taken(write))
        if is_calm and is_refused:
            row.append(write)
            continue
        if row:
            yield row
        row = []
    if row:
        yield row


def _starts(history: History) -> list[Fault]:
    """The faults after which all servers that were asked were started anew, and one of them took a write."""
    writes = _writes(history)
    nodes = {write.node for write in writes if write.node is not None}
    taken = [write.invoke.index for write in writes if _is_taken(write)]
    return [
        fault
        for fault in faults(history)
        if fault.family in _ENDINGS
        and nodes
        and all(fault.strikes(node) for node in nodes)
        and any(begin > fault.end for begin in taken)
    ]


def _vacancy(row: Sequence[Pair]) -> Anomaly:
    return Anomaly(
        "none-for-long",
        f"nobody took any of {len(row)} writes to all servers in {_length(row) / 1e9:.0f} s, though nothing "
        "was broken",
        (*row[0].ops, *row[-1].ops),
    )
