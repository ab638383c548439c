"""Every server is asked for everything all the time, and each answer is held against who led.

Reads and writes, with and without the header that allows a follower to answer, and the list of servers. What
followers may answer, and what they must say about the leader, is in `checkers.redirects`.

Not here: whether two servers lead at once (`leadership`), and how stale a dirty read is (`dirty_read`).
"""

from __future__ import annotations

from collections.abc import Mapping

from checkers.availability import Availability
from checkers.failover_probes import Probes
from checkers.failover_times import FailoverTimes
from checkers.history import History, Op
from checkers.redirects import Redirects, exposures
from workloads.members import observe, probe, settle, spread
from workloads.members.looking import ANCHOR
from workloads.protocol.failover import FailoverSession
from workloads.protocol.judgement import Exposure, Judgement
from workloads.protocol.outcome import Outcome
from workloads.protocol.placement import servers
from workloads.protocol.workload import Options, Workload

COLLECTION = "redirects"
_KINDS = (("write", False), ("read", False), ("read", True), ("write", True), ("endpoints", False))
_BLAME = {
    "follower-accepts-write": "AF-FOLLOWER-DENIES",
    "undenied-read": "AF-READ-DENIED",
    "wrong-refusal": "AF-503-ENDPOINT",
    "dirty-read-refused": "AF-DIRTY-READ",
    "unmarked-dirty-read": "AF-DIRTY-MARK",
    "marked-leader-read": "AF-DIRTY-MARK",
    "missing-endpoint": "AF-503-ENDPOINT",
    "wrong-endpoint": "AF-503-ENDPOINT",
    "stale-endpoint": "AF-503-ENDPOINT",
    "endpoints-refused": "AF-ENDPOINTS",
    "wrong-first-endpoint": "AF-ENDPOINTS",
    "stale-first-endpoint": "AF-ENDPOINTS",
}
_LAST = 1_000_000_000


def workload(options: Options) -> Workload:
    """The workload."""
    count = len(servers(options.nodes))
    return Workload(
        generator=spread(options.concurrency, options.rate, count, lambda n: _KINDS[n % len(_KINDS)]),
        final_generator=settle(count, _LAST),
        client=RedirectsClient,
        setup=_create,
        checker=Judgement(
            {"redirects": Redirects(), "times": FailoverTimes(), "availability": Availability()},
            exposures=_exposures,
            blame=_BLAME,
        ),
        clauses=(
            "AF-FOLLOWER-DENIES",
            "AF-READ-DENIED",
            "AF-DIRTY-READ",
            "AF-DIRTY-MARK",
            "AF-503-ENDPOINT",
            "AF-ENDPOINTS",
        ),
        topologies=frozenset({"active-failover"}),
        minimum={"probe": 100, "observe": 20},
    )


async def _create(session: FailoverSession) -> None:
    leader = session.on(session.leader)
    await leader.create_collection(COLLECTION, wait_for_sync=False)
    await leader.upsert(COLLECTION, ANCHOR, {"number": 0})


def _exposures(history: History) -> Mapping[str, Exposure]:
    """Answers of servers that certainly followed, or led, by what they were asked."""
    probes = Probes(history)
    counted = exposures(probes)
    asked = len(probes.all)
    return {
        "AF-FOLLOWER-DENIES": Exposure(asked, counted["denied_writes"]),
        "AF-READ-DENIED": Exposure(asked, counted["denied_reads"]),
        "AF-DIRTY-READ": Exposure(asked, counted["dirty_reads"]),
        "AF-DIRTY-MARK": Exposure(asked, min(counted["dirty_reads"], counted["leader_reads"])),
        "AF-503-ENDPOINT": Exposure(asked, counted["refusals"]),
        "AF-ENDPOINTS": Exposure(asked, counted["endpoints_of_followers"]),
    }


class RedirectsClient:
    """One process: asks whichever server it is told, and looks at the agency."""

    def __init__(self, session: FailoverSession) -> None:
        self._session = session

    async def invoke(self, op: Op) -> Outcome:
        """Do one operation."""
        match op.f:
            case "probe":
                return await probe(self._session, op, COLLECTION)
            case "observe":
                return await observe(self._session)
        raise ValueError(f"the redirects workload has no operation {op.f!r}")
