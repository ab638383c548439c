"""Configured replication: many small databases, each followed in its own way, while servers break.

Every trial makes databases of its own, sets their replication up in one of the documented ways with a drawn
configuration, writes, removes, drops, stops, starts, synchronizes, and looks at leader and follower. What is
tried is in `workloads.trials`; how it is judged, from these operations alone, in `checkers.trials`. A trial
that a fault has made unclear goes on only as far as it still proves something.

Half of the threads are for long trials, in which a follower is watched until something strikes it. On a
single server there is little to try: whether it follows itself, and whether its snapshots are such.

Not here: load, and the order in which a follower shows it (`leader_follower`).
"""

from __future__ import annotations

from collections.abc import Mapping

from checkers.availability import Availability
from checkers.budget import Budget
from checkers.history import History
from checkers.trials import Trials, findings, moments
from checkers.verdict import Limits
from workloads.generator import stagger
from workloads.protocol.judgement import Exposure, Judgement
from workloads.protocol.workload import Options, Workload
from workloads.trials import TrialClient, set_up_standing, trials, watch_standing

_ALONE = ("LF-NO-SELF", "LF-SYNC-TICK")
_CLAUSES = (
    "LF-CONVERGE",
    "LF-ORDER",
    "LF-PER-DATABASE",
    "LF-SETUP",
    "LF-SETUP-AGAIN",
    "LF-SYNC-OVERWRITES",
    "LF-SYNC-TICK",
    "LF-AUTOSTART-OFF",
    "LF-AUTOSTART-ON",
    "LF-RESYNC-RETRIES",
    "LF-POLLING",
    "LF-INCLUDE-SYSTEM",
    "LF-EXCLUDED",
    "LF-FOXX-QUEUES",
    "LF-AUTH",
    "LF-APPLIER-STOPS",
    "LF-NO-SELF",
)
_SHARE = 0.6
"""An operation here is several requests, so there are fewer of them."""


def workload(options: Options) -> Workload:
    """The workload."""
    followers = options.followers
    servers = followers + 1
    return Workload(
        generator=stagger(1 / (_SHARE * options.rate), trials(options.seed, servers, options.concurrency)),
        final_generator=watch_standing(followers) if followers else None,
        client=TrialClient,
        setup=set_up_standing if followers else None,
        checker=Judgement(
            {"trials": Trials(least=3), "availability": Availability()},
            exposures=lambda history: _exposures(history, _CLAUSES if followers else _ALONE),
        ),
        clauses=_CLAUSES if followers else _ALONE,
        minimum={"fill": 10, "look": 4, "state": 20} if followers else {"fill": 10, "dump": 5},
    )


def _exposures(history: History, clauses: tuple[str, ...]) -> Mapping[str, Exposure]:
    """By clause, the moments at which the rules could judge; operations are those of the trials."""
    counted = moments(findings(history, Budget(Limits())))
    done = sum(1 for pair in history.pairs if pair.type == "ok")
    return {clause: Exposure(done, counted[clause]) for clause in clauses}
