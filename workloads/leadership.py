"""Every server is asked to take a write all the time: never two may do it as leader at overlapping times.

Nobody follows refusals here. Beside the probes somebody looks at the agency, so that each accepted write can
be held against who was named leader. The same evidence says how long each failover took, and whether
somebody led whenever somebody could.

Not here: what the refusals say (`redirects`), and what becomes of the writes (`failover_loss`).
"""

from __future__ import annotations

from collections.abc import Mapping

from checkers.availability import Availability
from checkers.elections import Elections, elections
from checkers.failover_probes import Probes
from checkers.failover_times import FailoverTimes
from checkers.history import History, Op
from checkers.leadership import Leadership, failovers
from workloads.members import observe, probe, settle, spread
from workloads.members.looking import ANCHOR
from workloads.protocol.failover import FailoverSession
from workloads.protocol.judgement import Exposure, Judgement
from workloads.protocol.outcome import Outcome
from workloads.protocol.placement import servers
from workloads.protocol.workload import Options, Workload

COLLECTION = "leadership"
_BLAME = {
    "two-leaders": "AF-ONE-LEADER",
    "unnamed-leader": "AF-ONE-LEADER",
    "no-leader": "AF-FAILOVER",
    "none-for-long": "AF-ELECTION",
}
_LAST = 1_000_000_000


def workload(options: Options) -> Workload:
    """The workload."""
    count = len(servers(options.nodes))
    return Workload(
        generator=spread(options.concurrency, options.rate, count, lambda _: ("write", False)),
        final_generator=settle(count, _LAST),
        client=LeadershipClient,
        setup=create,
        checker=Judgement(
            {
                "leadership": Leadership(),
                "elections": Elections(),
                "times": FailoverTimes(),
                "availability": Availability(),
            },
            exposures=_exposures,
            blame=_BLAME,
        ),
        clauses=("AF-ELECTION", "AF-ONE-LEADER", "AF-FAILOVER"),
        topologies=frozenset({"active-failover"}),
        minimum={"probe": 100, "observe": 20},
    )


async def create(session: FailoverSession) -> None:
    """Make the collection, and the document that probes read."""
    leader = session.on(session.leader)
    await leader.create_collection(COLLECTION, wait_for_sync=False)
    await leader.upsert(COLLECTION, ANCHOR, {"number": 0})


def _exposures(history: History) -> Mapping[str, Exposure]:
    """AF-ELECTION: elections that somebody won. AF-ONE-LEADER: writes that a server which had led before was
    asked to take, and did not. AF-FAILOVER: changes of leader.
    """
    probes = Probes(history)
    asked = [p for p in probes.all if p.kind == "write"]
    deposed = [
        p for p in asked
        if not p.accepted
        and (reign := probes.reigns.before(p.node, p.begin)) is not None
        and p.begin > reign.possible[1]
    ]  # fmt: skip
    changes = failovers(probes.reigns)
    return {
        "AF-ELECTION": Exposure(len(asked), elections(history)),
        "AF-ONE-LEADER": Exposure(len(asked), len(deposed)),
        "AF-FAILOVER": Exposure(len(probes.reigns.observations), changes),
    }


class LeadershipClient:
    """One process: writes to whichever server it is told, and looks at the agency."""

    def __init__(self, session: FailoverSession) -> None:
        self._session = session

    async def invoke(self, op: Op) -> Outcome:
        """Do one operation."""
        match op.f:
            case "probe":
                return await probe(self._session, op, COLLECTION)
            case "observe":
                return await observe(self._session)
        raise ValueError(f"the leadership workload has no operation {op.f!r}")
