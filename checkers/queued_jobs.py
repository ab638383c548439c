"""Queued jobs: every one that is there in the end is done, and its document is there once.

The operations:

    job   value n: job number n, at whoever leads. It writes one document, which names it.
    open  the queue in which some jobs wait; from then on every job may be done
    read  `ok` value {"numbers": [..], "dirty": bool, ..}: what one server has, and of a leader (not dirty)
          "jobs", their numbers; "pending" and "failed", those that are not done or could not be; and "done":
          [[n, count], ..], how many documents name a job. The jobs are read before the documents.

    job-not-run         after its queue was opened, a job was still pending half a minute later
    job-failed          a job could not be done, though others before it could
    job-run-twice       two documents of one job
    job-without-effect  a job is called done, and its document is not there

Jobs that run at once seldom wait while a leader changes; those of the closed queue wait all the time, so that
in the end a leader goes on with what others were given. Not here: which jobs are lost, which is
`checkers.failover_loss`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checkers.history import History, Pair
from checkers.verdict import Anomaly, Limits, Verdict

_MOST = 10
_PATIENCE_NS = 30_000_000_000


@dataclass(frozen=True, slots=True)
class QueuedJobs:
    """The checker. Unknown if nobody looked at the jobs long enough after the queue was opened."""

    def check(self, history: History, limits: Limits) -> Verdict:  # noqa: ARG002 - one pass, without a search
        """Look at what every leader says of its jobs."""
        reads = leader_reads(history)
        final = _final(history, reads)
        stuck = _stuck(final)
        waited = _waited(final)
        failed = list(_failed(history, reads))
        anomalies = [*_repeated(reads), *failed]
        if stuck and waited >= _PATIENCE_NS:
            anomalies += [_not_run(number, final) for number in stuck[:_MOST]]
        reasons = _doubts(final, stuck, waited)
        return Verdict(
            valid=False if anomalies else "unknown" if reasons else True,
            anomalies=tuple(anomalies),
            statistics={
                "jobs": len(final[-1].value["jobs"]) if final else 0,
                "done": len(final[-1].value["done"]) if final else 0,
                "done_for_others": len(resumed(history)),
                "stuck": len(stuck),
                "failed": len(failed),
            },
            reasons=() if anomalies else reasons,
        )


def leader_reads(history: History) -> list[Pair]:
    """What leaders said of their jobs."""
    return [p for p in history.pairs if p.f == "read" and p.type == "ok" and not p.value["dirty"]]


def resumed(history: History) -> list[int]:
    """Jobs that one server was given and that the last leader, another one, has done."""
    reads = leader_reads(history)
    done = {number for number, _ in reads[-1].value["done"]} if reads else set()
    given = (p for p in history.pairs if p.f == "job" and p.type == "ok" and p.invoke.value in done)
    return [pair.invoke.value for pair in given if pair.node != reads[-1].node]


def _final(history: History, reads: Sequence[Pair]) -> list[Pair]:
    """The reads since the queue was opened, if no job was queued after them."""
    opened = [pair for pair in history.pairs if pair.f == "open" and pair.type == "ok"]
    if not opened:
        return []
    later = [pair for pair in history.pairs if pair.f == "job" and opened[0].precedes(pair)]
    return [
        read
        for read in reads
        if opened[0].precedes(read) and all(job.invoke.index < read.invoke.index for job in later)
    ]


def _stuck(final: Sequence[Pair]) -> list[int]:
    """The jobs that every one of the reads shows pending."""
    pending = [frozenset(read.value["pending"]) for read in final]
    return sorted(frozenset.intersection(*pending)) if pending else []


def _waited(final: Sequence[Pair]) -> int:
    """From the end of the first read to the begin of the last one, in ns."""
    if len(final) < 2 or final[0].completion is None:
        return 0
    return final[-1].invoke.time - final[0].completion.time


def _doubts(final: Sequence[Pair], stuck: Sequence[int], waited: int) -> tuple[str, ...]:
    if not final:
        return ("no leader told of its jobs after the queue was opened",)
    if stuck and waited < _PATIENCE_NS:
        return (f"{len(stuck)} jobs were not done yet when nobody looked any more",)
    return ()


def _repeated(reads: Sequence[Pair]) -> Iterator[Anomaly]:
    """Jobs with several documents, or called done with none; each number told once."""
    told: dict[int, None] = {}
    for read in reads:
        value = read.value
        counts = dict(value["done"])
        open_ones = {*value["pending"], *value["failed"]}
        for number in value["jobs"]:
            count = counts.get(number, 0)
            if number in told or count == 1 or (count == 0 and number in open_ones) or len(told) == _MOST:
                continue
            told[number] = None
            if count:
                sentence = f"{read.node} has {count} documents of job {number}: it was done so often"
                yield Anomaly("job-run-twice", sentence, read.ops)
            else:
                sentence = f"{read.node} calls job {number} done, and its document is not there"
                yield Anomaly("job-without-effect", sentence, read.ops)


def _failed(history: History, reads: Sequence[Pair]) -> Iterator[Anomaly]:
    """Jobs that failed though a leader had shown, before they were queued, that such jobs can be done.

    What it had shown must still be there: the collection itself may be lost with the end of a log.
    """
    if not reads:
        return
    last = reads[-1]
    kept = {number for number, _ in last.value["done"]}
    able = next((r for r in reads if kept & {number for number, _ in r.value["done"]}), None)
    if able is None:
        return
    jobs = {pair.invoke.value: pair for pair in history.pairs if pair.f == "job"}
    failed = [n for n in last.value["failed"] if n in jobs and able.precedes(jobs[n])]
    for number in failed[:_MOST]:
        sentence = f"job {number} failed on {last.node}, though such jobs could be done before"
        yield Anomaly("job-failed", sentence, (*able.ops, *jobs[number].ops, *last.ops))


def _not_run(number: int, final: Sequence[Pair]) -> Anomaly:
    return Anomaly(
        "job-not-run",
        f"job {number} is still pending on {final[-1].node}, half a minute after its queue was opened",
        (*final[0].ops, *final[-1].ops),
    )
