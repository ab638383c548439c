"""Session guarantees: each broken and kept, and databases that keep them."""

from __future__ import annotations

from random import Random

import pytest

from checkers.history import History
from checkers.sessions import Sessions
from checkers.verdict import Limits, Verdict
from tests.checkers.transactions import databases
from tests.checkers.transactions.databases import record
from tests.checkers.transactions.notation import sequence


def check(history: History) -> Verdict:
    return Sessions().check(history, Limits())


CASES = {
    "read-your-writes": (
        sequence("0 ok a x 1", "0 ok r x []"),
        sequence("0 ok a x 1", "1 ok r x []", "0 ok r x [1]"),
    ),
    "monotonic-reads": (
        sequence("0 ok a x 1", "1 ok r x [1]", "1 ok r x []"),
        sequence("0 ok a x 1", "1 ok r x []", "2 ok r x [1]", "3 ok r x []", "1 ok r x [1]"),
    ),
    "monotonic-writes": (
        sequence("0 ok a x 1", "0 ok a x 2", "1 ok r x [2 1]"),
        sequence("0 ok a x 1", "2 ok a x 2", "1 ok r x [2 1]"),
    ),
    "writes-follow-reads": (
        sequence("0 ok a x 1", "1 ok r x [1]", "1 ok a x 2", "2 ok r x [2]"),
        sequence("0 ok a x 1", "1 ok r y []", "1 ok a x 2", "2 ok r x [2]"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_session_that_is_let_down_and_one_that_is_not(name: str) -> None:
    bad, good = CASES[name]
    verdict = check(bad)
    assert verdict.valid is False
    assert name in {anomaly.name for anomaly in verdict.anomalies}
    assert check(good).valid is True, check(good).anomalies


def test_order_in_a_list_is_no_matter_of_sessions() -> None:
    assert check(sequence("0 ok a x 1", "1 ok a x 2", "2 ok r x [1 2]", "2 ok r x [2 1]")).valid is True


def test_a_transaction_is_in_order_with_itself() -> None:
    verdict = check(sequence("0 ok a x 1, r x []", "1 ok r x [1], r x []"))
    assert [anomaly.name for anomaly in verdict.anomalies] == ["read-your-writes", "monotonic-reads"]
    assert verdict.anomalies[0].sentence == 'process 0 appended 1 to "x" and then read it without (index 0)'


def test_what_was_not_acknowledged_is_not_owed() -> None:
    assert check(sequence("0 fail a x 1", "0 ok r x []")).valid is True
    assert check(sequence("0 info a x 1", "1 ok r x []")).valid is True


def test_nothing_read_is_nothing_judged() -> None:
    assert check(sequence("0 ok a x 1")).valid == "unknown"
    assert check(sequence("0 ok w x 1")).valid == "unknown"
    verdict = Sessions().check(sequence("0 ok r x []"), Limits(memory_bytes=10))
    assert "memory limit" in verdict.reasons[0]


@pytest.mark.parametrize("database", [databases.StrictlySerializable, databases.SnapshotIsolated])
def test_databases_that_read_the_present_keep_all(database: databases.Database) -> None:
    for seed in range(40):
        assert check(record(database, Random(seed), transactions=30)).valid in (True, "unknown"), seed


def test_a_database_that_lags_is_caught_at_all_but_its_writes() -> None:
    found = {
        anomaly.name
        for seed in range(40)
        for anomaly in check(record(databases.Stale, Random(seed), transactions=30)).anomalies
    }
    assert found >= {"read-your-writes", "monotonic-reads"}
