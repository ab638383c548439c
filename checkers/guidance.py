"""Whether a driver that knows any one server finds the leader by itself.

A `find` is invoked with {"server": i, "way": "refusal" | "list"}: begin at server i, and go where its refusal
sends you, or to whom it lists first; again and again until somebody answers a read as leader. Its `ok` value
has beside these

    asked    the nodes that were asked, in order
    found    whether the last of them answered as leader
    status, number   of the last answer

That all answers came is `ok`, whatever they were. While leaders change, or links are cut, nobody can demand
anything of it. So what is judged is the time after the last fault, once somebody has been found and everybody
has had time to hear of it: a way that leads from a server to nobody, again and again, while others find the
leader, is `driver-lost`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checkers.faults import faults
from checkers.history import History, Pair
from checkers.verdict import Anomaly, Limits, Verdict

_KNOWN_NS = 5_000_000_000
"""So long after the leader was found, with nothing broken, every server must have heard of it."""
_TRIES = 5
"""So many failures in a row, and finds of others in the same time, are no accident."""


@dataclass(frozen=True, slots=True)
class Guidance:
    """The checker. Unknown if nobody looked for the leader when everything had settled."""

    def check(self, history: History, limits: Limits) -> Verdict:  # noqa: ARG002 - one pass, without a search
        """Judge each way from each server."""
        finds = [pair for pair in history.pairs if pair.f == "find" and pair.type == "ok"]
        settled = _settled(history, finds)
        anomalies = tuple(_lost(settled))
        reasons = () if settled else ("nobody looked for the leader when everything had settled",)
        found = [find for find in finds if find.value["found"]]
        return Verdict(
            valid=False if anomalies else "unknown" if reasons else True,
            anomalies=anomalies,
            statistics={
                "finds": len(finds),
                "found": len(found),
                "settled": len(settled),
                "asked": dict(sorted(Counter(str(len(find.value["asked"])) for find in found).items())),
            },
            reasons=reasons,
        )


def led(history: History) -> list[Pair]:
    """The finds that began at another server and ended at the leader."""
    finds = (pair for pair in history.pairs if pair.f == "find" and pair.type == "ok")
    return [find for find in finds if find.value["found"] and len(find.value["asked"]) > 1]


def _settled(history: History, finds: Sequence[Pair]) -> list[Pair]:
    healed = max((fault.end for fault in faults(history)), default=-1)
    later = [find for find in finds if find.invoke.index > healed]
    known = next((f.completion.time for f in later if f.value["found"] and f.completion), None)
    return [] if known is None else [find for find in later if find.invoke.time >= known + _KNOWN_NS]


def _lost(settled: Sequence[Pair]) -> Iterator[Anomaly]:
    ways: dict[tuple[int, str], list[Pair]] = {}
    for find in settled:
        ways.setdefault((find.invoke.value["server"], find.invoke.value["way"]), []).append(find)
    for (_, way), tried in ways.items():
        if len(tried) < _TRIES or any(find.value["found"] for find in tried):
            continue
        others = [f for f in settled if f.value["found"] and tried[0].precedes(f) and f.precedes(tried[-1])]
        if len(others) >= _TRIES:
            last = tried[-1].value
            sentence = (
                f"none of {len(tried)} drivers that began at {last['asked'][0]} and followed its {way} found "
                f"the leader: {' → '.join(last['asked'])} ended with {last['status']}/{last['number']}"
            )
            yield Anomaly("driver-lost", sentence, (*tried[-1].ops, *others[-1].ops))
