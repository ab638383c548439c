"""Every workload end to end: a sound database passes, each broken one is found, with the clause it breaks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from checkers.history import History
from checkers.verdict import Verdict
from tests.workloads import defects
from tests.workloads.fake_database import FakeDatabase
from tests.workloads.running import check, options, run
from workloads import appliers, documents, leader_follower, register
from workloads import set as set_workload
from workloads.contract.accesses import LOOSE
from workloads.generator import Source, sleep
from workloads.guarantees import load
from workloads.protocol.workload import Options, Workload

WORKLOADS: dict[str, Callable[[Options], Workload]] = {
    "register": register.workload,
    "set": set_workload.workload,
    "leader_follower": leader_follower.workload,
    "documents": documents.workload,
}

EVERY_WORKLOAD = {**WORKLOADS, "appliers": appliers.workload}
"""Also those that need more of a database than the fake one has."""


def kills() -> Source:
    """The leader dies and comes back, then the first follower."""
    return [
        each
        for node in ("n1", "n2")
        for each in (sleep(3), {"f": "start-kill", "value": {"nodes": [node]}}, sleep(3), {"f": "stop-kill"})
    ]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", WORKLOADS)
def test_a_sound_database_passes_in_spite_of_kills_and_lost_answers(name: str, seed: int) -> None:
    workload = WORKLOADS[name](options(3))
    history = run(workload, FakeDatabase(2, unknown=0.02, seed=seed), faults=kills(), seed=seed)
    verdict = check(workload, history)
    assert verdict.valid is True, (verdict.reasons, verdict.anomalies)
    assert not verdict.anomalies
    availability = verdict.statistics["availability"]
    assert availability["ratio_inside_faults"] < availability["ratio_outside_faults"]
    _enough(workload, history)


@pytest.mark.parametrize("name", ["register", "set", "documents"])
def test_a_single_server_is_judged_without_followers(name: str) -> None:
    workload = WORKLOADS[name](options(1))
    history = run(workload, FakeDatabase(0))
    assert check(workload, history).valid is True
    assert "LF-CONVERGE" not in workload.clauses
    _enough(workload, history)


@pytest.mark.parametrize(
    ("name", "broken", "anomaly", "clause"),
    [
        ("register", defects.LosesAcknowledgedWrites, None, None),
        ("register", defects.ServesStaleReads, None, None),
        ("register", defects.FailsButWrites, None, None),
        ("set", defects.LosesAcknowledgedWrites, "lost-write", "LF-WAL"),
        ("set", defects.ServesStaleReads, "stale-read", None),
        ("set", defects.FailsButWrites, "phantom", None),
        ("set", defects.ShowsTwice, "duplicate", None),
        ("set", defects.Invents, "phantom", None),
        ("set", defects.SkipsOnFollower, "divergence", "LF-CONVERGE"),
        ("set", defects.MakesOwnRevisions, "divergence", "LF-CONVERGE"),
        ("leader_follower", defects.LosesAcknowledgedWrites, "lost-write", "LF-WAL"),
        ("leader_follower", defects.FailsButWrites, "phantom-on-follower", "LF-ORDER"),
        ("leader_follower", defects.FailsButWrites, "phantom", None),
        ("leader_follower", defects.ShowsTwice, "duplicate", None),
        ("leader_follower", defects.Invents, "phantom-on-follower", "LF-ORDER"),
        ("leader_follower", defects.TearsTransactions, "fractured-read", None),
        ("leader_follower", defects.SkipsOnFollower, "order-violation", "LF-ORDER"),
        ("leader_follower", defects.SkipsOnFollower, "divergence", "LF-CONVERGE"),
        ("leader_follower", defects.AppliesOutOfOrder, "order-violation", "LF-ORDER"),
        ("leader_follower", defects.AppliesHalves, "half-transaction", "LF-STOP"),
        ("leader_follower", defects.MakesOwnRevisions, "divergence", "LF-CONVERGE"),
        ("leader_follower", defects.ForgetsRemovals, "order-violation", "LF-ORDER"),
        ("leader_follower", defects.ForgetsRemovals, "divergence", "LF-CONVERGE"),
        ("leader_follower", defects.StopsApplying, "divergence", "LF-CONVERGE"),
        ("leader_follower", defects.PromotesFollowers, "unasked-promotion", "LF-NO-FAILOVER"),
        ("documents", defects.LosesAcknowledgedWrites, "lost-write", "LF-WAL"),
        ("documents", defects.LosesAcknowledgedWrites, "lost-update", None),
        ("documents", defects.ServesStaleReads, "stale-read", None),
        ("documents", defects.FailsButWrites, "phantom", None),
        ("documents", defects.Invents, "phantom", None),
        ("documents", defects.TearsTransactions, "fractured-read", None),
        ("documents", defects.RepeatsRevisions, "reused-revision", None),
        ("documents", defects.ForgetsTruncations, "lost-write", "LF-WAL"),
        ("documents", defects.CommitsAborted, "aborted-read", None),
        ("documents", defects.IgnoresRevisions, "lost-update", None),
        ("documents", defects.MakesOwnRevisions, "divergence", "LF-CONVERGE"),
    ],
)
def test_a_broken_database_is_found(
    name: str, broken: type[FakeDatabase], anomaly: str | None, clause: str | None
) -> None:
    verdict = _verdict_on(name, broken.__name__)
    assert verdict.valid is False
    found = {(each.name, each.clause) for each in verdict.anomalies}
    assert anomaly is None or (anomaly, clause) in found, found
    assert all(each.operations and each.sentence for each in verdict.anomalies)


def test_the_lag_of_followers_is_a_measured_weakness_and_no_violation() -> None:
    workload = leader_follower.workload(options(3))
    database = FakeDatabase(2, lag_ns=250_000_000)
    verdict = check(workload, run(workload, database))
    assert verdict.valid is True
    (weakness,) = verdict.weaknesses
    assert (weakness.name, weakness.clause) == ("replication-lag", "LF-LAG")
    assert 200 < weakness.details["ms"]["max"] <= 250
    assert weakness.details["operations"]["max"] > 5
    assert weakness.details["stale_reads"] > 10
    assert weakness.details["without_faults"]["reads"] == weakness.details["reads"]


def test_followers_without_lag_demonstrate_no_weakness() -> None:
    workload = leader_follower.workload(options(3))
    verdict = check(workload, run(workload, FakeDatabase(2, lag_ns=0)))
    assert verdict.valid is True
    assert verdict.weaknesses == ()


def test_exposures_count_only_what_the_faults_made_possible() -> None:
    workload = leader_follower.workload(options(3))
    calm = check(workload, run(workload, FakeDatabase(2))).statistics["clauses"]
    broken = check(workload, run(workload, FakeDatabase(2), faults=kills())).statistics["clauses"]
    assert set(calm) == set(workload.clauses)
    assert calm["LF-NO-FAILOVER"]["exposures"] == 0
    assert broken["LF-NO-FAILOVER"]["exposures"] > 10
    assert calm["LF-STOP"]["exposures"] == 0
    assert broken["LF-STOP"]["exposures"] > 10
    assert all(broken[clause]["exposures"] > 0 for clause in workload.clauses)


@pytest.mark.parametrize("name", EVERY_WORKLOAD)
@pytest.mark.parametrize("nodes", [1, 3])
def test_every_clause_that_a_workload_cites_is_in_the_catalogue_and_names_it(name: str, nodes: int) -> None:
    catalogue = load()
    workload = EVERY_WORKLOAD[name](options(nodes))
    assert all(name in catalogue[clause].tested_by for clause in workload.clauses)


def test_every_workload_that_the_catalogue_names_judges_the_clause() -> None:
    for clause in load().of_mode("leader-follower"):
        assert all(clause.id in EVERY_WORKLOAD[name](options(3)).clauses for name in clause.workloads)


@pytest.mark.parametrize("name", WORKLOADS)
@pytest.mark.parametrize("wait_for_sync", [True, False])
def test_collections_are_made_as_the_run_asks(name: str, wait_for_sync: bool) -> None:
    asked: Options = options(3, wait_for_sync=wait_for_sync)
    workload = WORKLOADS[name](asked)
    database = FakeDatabase(2)
    run(workload, database, seconds=0.1)
    made = {each: sync for each, sync in database.wait_for_sync.items() if each != LOOSE}
    assert name in made
    assert set(made.values()) == {wait_for_sync}
    assert not database.wait_for_sync.get(LOOSE, False)


@pytest.mark.parametrize("name", WORKLOADS)
def test_two_seconds_are_too_little(name: str) -> None:
    workload = WORKLOADS[name](options(3, rate=50))
    history = run(workload, FakeDatabase(2), seconds=2)
    assert any(_count(history, f) < least for f, least in workload.minimum.items())


@pytest.mark.parametrize("name", WORKLOADS)
def test_one_thread_is_enough(name: str) -> None:
    workload = WORKLOADS[name](options(3, concurrency=1))
    history = run(workload, FakeDatabase(2), threads=1)
    assert check(workload, history).valid is True
    _enough(workload, history)


@cache
def _verdict_on(name: str, defect: str) -> Verdict:
    workload = WORKLOADS[name](options(3))
    return check(workload, run(workload, getattr(defects, defect)(2), faults=kills()))


def _count(history: History, f: str) -> int:
    return sum(1 for pair in history.pairs if pair.f == f and pair.type == "ok")


def _enough(workload: Workload, history: History) -> None:
    counts = {f: _count(history, f) for f in workload.minimum}
    assert all(counts[f] >= least for f, least in workload.minimum.items()), counts
