"""The workloads of active failover end to end: a sound group passes, each broken one is found."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from checkers.history import History
from checkers.verdict import Verdict
from tests.workloads import failover_defects as defects
from tests.workloads.fake_failover import Entry, FakeFailover
from tests.workloads.running import check, options, run
from workloads import (
    agency_register,
    callbacks,
    dirty_read,
    drivers,
    failover_loss,
    leadership,
    redirects,
)
from workloads.generator import Source, sleep
from workloads.guarantees import load
from workloads.protocol.workload import Options, Workload

WORKLOADS = {
    "agency_register": agency_register.workload,
    "callbacks": callbacks.workload,
    "dirty_read": dirty_read.workload,
    "drivers": drivers.workload,
    "failover_loss": failover_loss.workload,
    "leadership": leadership.workload,
    "redirects": redirects.workload,
}


def failover_options(concurrency: int = 8) -> Options:
    return replace(options(3, concurrency=concurrency), topology="active-failover")


def kills() -> Source:
    """The first leader dies and comes back, then its successor, which is one of the others."""
    return [
        each
        for nodes in (["n1"], ["n2"], ["n3"])
        for each in (sleep(5), {"f": "start-kill", "value": {"nodes": nodes}}, sleep(4), {"f": "stop-kill"})
    ]


def judged(name: str, database: FakeFailover, *, seed: int = 0, concurrency: int = 8) -> Verdict:
    workload = WORKLOADS[name](failover_options(concurrency))
    return check(workload, history_of(workload, database, seed=seed, concurrency=concurrency))


def history_of(workload: Workload, database: FakeFailover, *, seed: int = 0, concurrency: int = 8) -> History:
    return run(workload, database, faults=kills(), seconds=30, threads=concurrency, seed=seed)  # type: ignore[arg-type]  # the fake has what `run` uses


@pytest.mark.parametrize("concurrency", [1, 3, 8])
@pytest.mark.parametrize("name", WORKLOADS)
def test_a_sound_group_passes_in_spite_of_failovers_and_lost_answers(name: str, concurrency: int) -> None:
    workload = WORKLOADS[name](failover_options(concurrency))
    history = history_of(workload, FakeFailover(unknown=0.01, seed=1), concurrency=concurrency)
    verdict = check(workload, history)
    assert verdict.valid is True, (verdict.reasons, verdict.anomalies)
    done = [pair.f for pair in history.pairs if pair.type == "ok"]
    assert all(done.count(f) >= least for f, least in workload.minimum.items()), workload.minimum
    exposed = verdict.statistics["clauses"]
    assert set(exposed) == set(workload.clauses)
    assert all(exposed[clause]["exposures"] > 0 for clause in workload.clauses), exposed


@pytest.mark.parametrize(
    ("name", "broken", "anomaly", "clause"),
    [
        ("failover_loss", defects.LosesInTheMiddle, "lost-outside-window", "AF-ASYNC-LOSS"),
        ("failover_loss", defects.LosesWithoutFailover, "lost-outside-window", "AF-ASYNC-LOSS"),
        ("failover_loss", defects.PromotesTheEmptiest, "lost-outside-window", "AF-ASYNC-LOSS"),
        ("failover_loss", defects.Resurrects, "resurrected-write", "AF-ASYNC-LOSS"),
        ("failover_loss", defects.Invents, "phantom", "AF-ASYNC-LOSS"),
        ("failover_loss", defects.FailsButWrites, "phantom", "AF-ASYNC-LOSS"),
        ("failover_loss", defects.KeepsItsTail, "divergence", "AF-REJOIN"),
        ("failover_loss", defects.NeverReplicates, "divergence", "AF-AUTO-REPLICATION"),
        ("leadership", defects.KeepsLeading, "two-leaders", "AF-ONE-LEADER"),
        ("leadership", defects.LeadsUnnamed, "unnamed-leader", "AF-ONE-LEADER"),
        ("leadership", defects.NobodyLeads, "no-leader", "AF-FAILOVER"),
        ("leadership", defects.NobodyWins, "none-for-long", "AF-ELECTION"),
        ("redirects", defects.TakesWrites, "follower-accepts-write", "AF-FOLLOWER-DENIES"),
        ("redirects", defects.AnswersReads, "undenied-read", "AF-READ-DENIED"),
        ("redirects", defects.RefusesDirtyReads, "dirty-read-refused", "AF-DIRTY-READ"),
        ("redirects", defects.ForgetsTheMark, "unmarked-dirty-read", "AF-DIRTY-MARK"),
        ("redirects", defects.MarksEverything, "marked-leader-read", "AF-DIRTY-MARK"),
        ("redirects", defects.ForgetsTheEndpoint, "missing-endpoint", "AF-503-ENDPOINT"),
        ("redirects", defects.NamesItself, "wrong-endpoint", "AF-503-ENDPOINT"),
        ("redirects", defects.NamesAFormerLeader, "stale-endpoint", "AF-503-ENDPOINT"),
        ("redirects", defects.SaysNotFound, "wrong-refusal", "AF-503-ENDPOINT"),
        ("redirects", defects.HidesTheServers, "endpoints-refused", "AF-ENDPOINTS"),
        ("redirects", defects.ListsItselfFirst, "wrong-first-endpoint", "AF-ENDPOINTS"),
        ("redirects", defects.ListsItselfFirst, "stale-first-endpoint", "AF-ENDPOINTS"),
        ("dirty_read", defects.FailsButWrites, "phantom", "AF-DIRTY-READ"),
        ("drivers", defects.HidesTheLeader, "driver-lost", "AF-DRIVERS"),
        ("drivers", defects.ListsAFollowerFirst, "driver-lost", "AF-DRIVERS"),
        ("drivers", defects.KeepsUsersAtHome, "lost-outside-window", "AF-USERS"),
        ("drivers", defects.ForgetsGrants, "lost-outside-window", "AF-USERS"),
        ("drivers", defects.GrantsTooMuch, "wrong-permission", "AF-USERS"),
        ("drivers", defects.AnswersFromOldUsers, "user-not-valid", "AF-USERS"),
        ("drivers", defects.StopsJobs, "job-not-run", "AF-QUEUES"),
        ("drivers", defects.LosesJobs, "lost-outside-window", "AF-QUEUES"),
        ("drivers", defects.RunsJobsTwice, "job-run-twice", "AF-QUEUES"),
        ("drivers", defects.OnlySaysDone, "job-without-effect", "AF-QUEUES"),
        ("drivers", defects.FailsJobs, "job-failed", "AF-QUEUES"),
        ("callbacks", defects.TellsNobody, "not-called-back", "CL-AGENCY-CALLBACK"),
        ("callbacks", defects.TellsTooEarly, "not-called-back", "CL-AGENCY-CALLBACK"),
        ("callbacks", defects.TellsStrangers, "strange-call", "CL-AGENCY-CALLBACK"),
        ("agency_register", defects.StaleAgency, "stale-read", "CL-AGENCY-RAFT"),
        ("agency_register", defects.IgnoresPreconditions, "lost-update", "CL-AGENCY-RAFT"),
        ("agency_register", defects.WritesHalves, "half-transaction", "CL-AGENCY-TRX"),
    ],
)
def test_a_broken_group_is_found(name: str, broken: type[FakeFailover], anomaly: str, clause: str) -> None:
    verdict = _verdict_on(name, broken.__name__)
    assert verdict.valid is False
    found = {(each.name, each.clause) for each in verdict.anomalies}
    assert (anomaly, clause) in found, found
    assert all(each.operations and each.sentence for each in verdict.anomalies)


@cache
def _verdict_on(name: str, defect: str) -> Verdict:
    return judged(name, getattr(defects, defect)())


class ReplicatesAtOnce(FakeFailover):
    """A write is on every living server before it is acknowledged."""

    def commit(self, node: str, entry: Entry) -> None:
        super().commit(node, entry)
        self.tick()


def test_what_a_failover_may_lose_is_measured_and_no_violation() -> None:
    verdict = judged("failover_loss", FakeFailover(lag_ns=300_000_000))
    assert verdict.valid is True
    (weakness,) = verdict.weaknesses
    assert (weakness.name, weakness.clause) == ("lost-in-window", "AF-ASYNC-LOSS")
    loss = verdict.statistics["loss"]
    assert loss["lost_in_window"] == weakness.details["lost"] > 5
    assert loss["kept"] + loss["lost_in_window"] == loss["acknowledged"]
    assert all(0 < each["window_ms"] <= 310 for each in loss["losses"])


def test_a_group_that_replicates_at_once_demonstrates_no_loss() -> None:
    verdict = judged("failover_loss", ReplicatesAtOnce(lag_ns=0))
    assert verdict.valid is True
    assert verdict.statistics["loss"]["failovers"] >= 2
    assert verdict.weaknesses == ()


def test_failovers_are_timed() -> None:
    times = judged("leadership", FakeFailover()).statistics["times"]
    assert len(times["failovers"]) >= 2
    for each in times["failovers"]:
        assert each["cause"] == "kill"
        assert 1900 < each["detection_ms"] < 2200, each
        assert 1900 < each["election_ms"] < 2200, each
        assert each["election_ms"] - 100 < each["first_write_ms"] < 2600, each
        assert each["takeover_ms"] <= each["first_write_ms"]
        assert each["unavailable_ms"] > 1900
    assert times["summary"]["election_ms"]["count"] == len(times["failovers"])


def test_the_length_of_a_split_brain_is_measured() -> None:
    verdict = _verdict_on("leadership", "KeepsLeading")
    assert max(verdict.statistics["leadership"]["split_brain_ms"]) > 1000


def test_a_sound_group_has_no_split_brain() -> None:
    assert judged("leadership", FakeFailover()).statistics["leadership"]["split_brain_ms"] == []


def test_the_staleness_of_dirty_reads_is_measured() -> None:
    stale = judged("dirty_read", FakeFailover(lag_ns=200_000_000)).statistics["staleness"]["staleness"]
    assert stale["all"]["stale"] > 10
    assert stale["without_faults"]["ms"]["max"] > 100
    assert stale["all"]["operations"]["max"] >= 1
    fresh = judged("dirty_read", FakeFailover(lag_ns=0)).statistics["staleness"]["staleness"]
    assert fresh["all"]["operations"]["p50"] == 0


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_clause_that_a_workload_cites_names_it_and_the_other_way_round(name: str) -> None:
    catalogue = load()
    workload = WORKLOADS[name](failover_options())
    assert all(name in catalogue[clause].tested_by for clause in workload.clauses)
    assert {clause.id for clause in catalogue.tested_by(name)} == set(workload.clauses)
