"""Reads of followers, written by hand: what breaks the log's order and what only lags behind."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.allegiance import Allegiance, states_without_leader
from checkers.faults import faults
from checkers.history import NEMESIS, History, Op, OpType
from checkers.replication import Replication
from checkers.verdict import Limits, Verdict

MS = 1_000_000
NODES = ("leader", "near", "far")
Line = tuple[int | str, OpType, str, Any]
"""process, type, f, value"""


def insert(number: int, process: int = 0, kind: OpType = "ok") -> list[Line]:
    return [(process, "invoke", "insert", number), (process, kind, "insert", number)]


def remove(number: int, process: int = 0, kind: OpType = "ok") -> list[Line]:
    return [(process, "invoke", "remove", number), (process, kind, "remove", number)]


def transact(slot: int, number: int, process: int = 0, kind: OpType = "ok") -> list[Line]:
    return [(process, "invoke", "transact", [slot, number]), (process, kind, "transact", [slot, number])]


def read(
    numbers: list[int], *slots: tuple[int, int | None, int | None], server: int = 1, process: int = 9
) -> list[Line]:
    shown = {"numbers": numbers, "slots": [list(slot) for slot in slots]}
    return [(process, "invoke", "read", {"server": server}), (process, "ok", "read", shown)]


def history(*parts: list[Line]) -> History:
    """One line a millisecond, starting from zero."""
    lines = [line for part in parts for line in part]
    return History(_op(index, *line) for index, line in enumerate(lines))


def _op(index: int, process: int | str, kind: OpType, f: str, value: Any) -> Op:
    return Op(index, index * MS, process, kind, f, value, node="somewhere" if kind == "ok" else None)


def judge(*parts: list[Line], durable: bool = True) -> Verdict:
    return Replication(durable).check(history(*parts), Limits())


def names(verdict: Verdict) -> list[str]:
    return [anomaly.name for anomaly in verdict.anomalies]


@pytest.mark.parametrize(
    "parts",
    [
        [read([])],
        [insert(1), read([])],
        [insert(1), insert(2), read([1])],
        [insert(1), insert(2, kind="info"), insert(3, process=1), read([1, 3])],
        [insert(1, kind="info"), read([1])],
        [insert(1), insert(2, kind="fail"), insert(3), read([1, 3])],
        [insert(1), remove(1), read([])],
        [insert(1), insert(2), remove(1, kind="info"), read([2])],
        [insert(1), remove(1), read([1])],
        [transact(0, 1), transact(0, 2), read([], (0, 1, 1))],
        [transact(0, 1), transact(0, 2), insert(3), read([3], (0, 2, 2))],
        [transact(0, 1), insert(2), transact(0, 3, kind="info"), read([2], (0, 3, 3))],
    ],
    ids=str,
)
def test_any_prefix_of_the_log_may_be_shown(parts: list[list[Line]]) -> None:
    verdict = judge(*parts)
    assert verdict.valid is True, verdict.anomalies


@pytest.mark.parametrize(
    ("parts", "evidence"),
    [
        ([insert(1), insert(2), read([2])], [0, 1, 2, 3, 4, 5]),
        ([insert(1), transact(0, 2), read([], (0, 2, 2))], [0, 1, 2, 3, 4, 5]),
        ([transact(0, 1), insert(2), read([2])], [0, 1, 2, 3, 4, 5]),
        ([transact(0, 1), transact(0, 2), insert(3), read([3], (0, 1, 1))], [2, 3, 4, 5, 6, 7]),
        ([insert(1), remove(1), insert(2), read([1, 2])], [2, 3, 4, 5, 6, 7]),
        ([insert(1), insert(2), insert(3), read([1, 3])], [2, 3, 4, 5, 6, 7]),
    ],
    ids=str,
)
def test_a_later_write_without_an_earlier_one_is_an_order_violation(
    parts: list[list[Line]], evidence: list[int]
) -> None:
    verdict = judge(*parts)
    assert names(verdict) == ["order-violation"]
    assert [op.index for op in verdict.anomalies[0].operations] == evidence


def test_concurrent_writes_may_be_in_the_log_in_either_order() -> None:
    one: list[Line] = [(0, "invoke", "insert", 1), (1, "invoke", "insert", 2)]
    both: list[Line] = [(0, "ok", "insert", 1), (1, "ok", "insert", 2)]
    for shown in ([1], [2], [1, 2], []):
        assert judge(one, both, read(shown)).valid is True


def test_a_read_may_show_what_was_written_while_it_ran() -> None:
    begun: list[Line] = [(9, "invoke", "read", {"server": 1})]
    ended: list[Line] = [(9, "ok", "read", {"numbers": [1], "slots": []})]
    assert judge(begun, insert(1), ended).valid is True


@pytest.mark.parametrize(("server", "name"), [(0, "phantom"), (1, "phantom-on-follower")])
@pytest.mark.parametrize(
    "parts",
    [[], [insert(7, kind="fail")], [insert(1)]],
    ids=["never written", "write failed", "another written"],
)
def test_what_nobody_wrote_is_a_phantom(server: int, name: str, parts: list[list[Line]]) -> None:
    verdict = judge(*parts, read([7], server=server), read([], server=1, process=8))
    assert name in names(verdict)


def test_a_number_shown_before_it_was_written_is_a_phantom() -> None:
    assert "phantom-on-follower" in names(judge(read([1]), insert(1)))


def test_a_document_shown_twice_is_a_duplicate() -> None:
    assert names(judge(insert(1), read([1, 1]))) == ["duplicate"]


@pytest.mark.parametrize(("server", "name"), [(0, "fractured-read"), (2, "half-transaction")])
@pytest.mark.parametrize("halves", [(2, 1), (1, 2), (None, 1), (2, None)])
def test_half_a_transaction_is_told_apart_by_where_it_was_seen(
    server: int, name: str, halves: tuple[int | None, int | None]
) -> None:
    verdict = judge(
        transact(0, 1), transact(0, 2), read([], (0, *halves), server=server), read([], process=8)
    )
    assert name in names(verdict)


def test_a_write_that_the_leader_lacks_in_the_end_is_lost_and_no_follower_is_blamed_for_it() -> None:
    parts = [insert(1), insert(2), read([2]), read([2], server=0)]
    verdict = judge(*parts)
    assert names(verdict) == ["lost-write"]
    assert "insert of document 1" in verdict.anomalies[0].sentence


def test_a_read_of_the_leader_that_lacks_a_write_which_is_there_later_is_stale() -> None:
    verdict = judge(insert(1), read([], server=0), read([1], server=0), read([]))
    assert names(verdict) == ["stale-read"]
    assert [op.index for op in verdict.anomalies[0].operations] == [0, 1, 2, 3]


def test_a_lost_write_that_was_not_to_be_on_disk_is_a_weakness() -> None:
    verdict = judge(insert(1), read([], server=0), read([]), durable=False)
    assert verdict.valid is True
    assert "lost-write" in [weakness.name for weakness in verdict.weaknesses]


def test_without_a_read_of_a_follower_nothing_is_known() -> None:
    verdict = judge(insert(1), read([1], server=0))
    assert verdict.valid == "unknown"
    assert verdict.reasons


def test_lag_is_measured_in_writes_and_since_the_oldest_missing_one() -> None:
    verdict = judge(insert(1), insert(2), insert(3), read([1]), read([1, 2, 3]))
    (weakness,) = verdict.weaknesses
    assert weakness.name == "replication-lag"
    assert weakness.details["stale_reads"] == 1
    assert weakness.details["operations"] == {"p50": 0, "p99": 2, "max": 2}
    assert weakness.details["ms"]["max"] == 3.0, "acknowledged at 3 ms, missing in a read begun at 6 ms"
    assert [op.index for op in weakness.operations] == [2, 3, 6, 7]


def test_lag_during_faults_is_told_apart() -> None:
    fault: list[Line] = [(NEMESIS, "invoke", "start-kill", None), (NEMESIS, "info", "start-kill", ["near"])]
    healed: list[Line] = [(NEMESIS, "invoke", "stop-kill", None), (NEMESIS, "info", "stop-kill", None)]
    catching_up = [insert(1), fault, read([]), healed, read([]), read([1])]
    (weakness,) = judge(*catching_up).weaknesses
    assert weakness.details["stale_reads"] == 2
    assert weakness.details["without_faults"]["stale_reads"] == 0
    assert weakness.details["without_faults"]["reads"] == 1
    (weakness,) = judge(*catching_up, insert(2), read([1])).weaknesses
    assert weakness.details["without_faults"]["stale_reads"] == 1, "written after the fault"


def test_many_anomalies_are_counted_and_few_are_told() -> None:
    verdict = judge(insert(1), insert(2), *[read([2]) for _ in range(30)])
    assert len(verdict.anomalies) == 8
    assert verdict.statistics["anomalies"] == {"order-violation": 30}


# Copies of everything, faults, allegiance.


def copying(
    *, syncing: bool = False, resyncs: int = 0, started: str = "noon", follower: int = 0
) -> list[Line]:
    value = {"follower": follower, "leader": "a", "syncing": syncing, "resyncs": resyncs, "started": started}
    return [(5, "invoke", "state", {"follower": follower}), (5, "ok", "state", value)]


DISORDER = [insert(1), insert(2), read([2])]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (copying(syncing=True, resyncs=1), copying(resyncs=1)),
        (copying(), copying(resyncs=1)),
        (copying(), copying(syncing=True, resyncs=1)),
        (copying(resyncs=1), copying(resyncs=1, started="later")),
        ([], copying(resyncs=1)),
        (copying(syncing=True), []),
    ],
    ids=str,
)
def test_reads_during_a_copy_of_everything_are_not_judged(before: list[Line], after: list[Line]) -> None:
    verdict = judge(before, *DISORDER, after)
    assert verdict.valid == "unknown"
    assert verdict.statistics["follower_reads_during_resync"] == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], []),
        (copying(), copying()),
        (copying(), copying(started="later")),
        (copying(resyncs=1), copying(resyncs=1)),
        (copying(follower=1), copying(follower=1, resyncs=1)),
    ],
    ids=str,
)
def test_a_restart_or_a_copy_elsewhere_excuses_nothing(before: list[Line], after: list[Line]) -> None:
    assert names(judge(before, *DISORDER, after)) == ["order-violation"]


def test_reads_after_a_copy_are_judged_again() -> None:
    verdict = judge(copying(syncing=True, resyncs=1), copying(resyncs=1), copying(resyncs=1), *DISORDER)
    assert names(verdict) == ["order-violation"]


def state(leader: str | None, follower: int = 0, process: int = 5) -> list[Line]:
    value = {"follower": follower, "leader": leader}
    return [(process, "invoke", "state", {"follower": follower}), (process, "ok", "state", value)]


def fault(f: str, value: Any = None) -> list[Line]:
    return [(NEMESIS, "invoke", f, None), (NEMESIS, "info", f, value)]


def test_a_fault_lasts_from_its_start_to_the_end_of_its_stop_or_of_the_history() -> None:
    parts = [
        fault("start-pause", {"paused": ["a"]}),
        insert(1),
        fault("stop-pause"),
        fault("start-kill", "b"),
    ]
    found = faults(history(*parts, insert(2)))
    assert [(each.family, each.begin, each.end) for each in found] == [("pause", 0, 5), ("kill", 6, 9)]
    assert found[0].strikes("a")
    assert not found[0].strikes("b")
    assert found[1].strikes("b")


def test_a_follower_that_keeps_to_its_leader_is_loyal() -> None:
    verdict = Allegiance().check(
        history(state("tcp://a"), state("tcp://b", follower=1), state("tcp://a")), Limits()
    )
    assert verdict.valid is True


@pytest.mark.parametrize("later", [None, "tcp://b"])
def test_a_follower_that_leaves_its_leader_is_found(later: str | None) -> None:
    verdict = Allegiance().check(history(state("tcp://a"), state(later)), Limits())
    assert names(verdict) == ["unasked-promotion"]
    assert len(verdict.anomalies[0].operations) == 4


def test_followers_that_never_name_a_leader_prove_nothing() -> None:
    assert Allegiance().check(history(state(None), state(None)), Limits()).valid == "unknown"
    assert Allegiance().check(history(insert(1)), Limits()).valid == "unknown"


def test_states_count_as_exposed_only_while_the_leader_is_gone() -> None:
    parts = [
        state("a"),
        fault("start-kill", {"nodes": ["n1"]}),
        state("a"),
        fault("stop-kill"),
        fault("start-kill", {"nodes": ["n2"]}),
        state("a"),
        fault("stop-kill"),
        fault("start-partition", {"cut": [["n1", "n2"]]}),
        state("a"),
    ]
    assert states_without_leader(history(*parts), "n1") == 1


@pytest.mark.parametrize("limits", [Limits(time_s=0), Limits(memory_bytes=10)], ids=str)
def test_a_limit_that_is_too_small_makes_it_unknown_and_says_which(limits: Limits) -> None:
    verdict = Replication().check(history(*DISORDER), limits)
    assert verdict.valid == "unknown"
    assert "limit" in verdict.reasons[0]


def test_lag_over_time_is_told_for_each_node_and_its_peaks_are_kept() -> None:
    calm = [part for number in range(600) for part in (insert(number), read(list(range(number + 1))))]
    late = read(list(range(590)))
    (weakness,) = judge(*calm, late).weaknesses
    (series,) = weakness.details["series"]
    assert (series["label"], series["unit"]) == ("somewhere", "ms")
    assert len(series["points"]) <= 500
    assert [point for point in series["points"] if point[1]] == [[2401 * MS, weakness.details["ms"]["max"]]]
