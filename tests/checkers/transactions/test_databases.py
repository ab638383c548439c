"""Databases of a known isolation level: never more is found than they do, and often enough what they do."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from checkers.history import History, Op
from checkers.transactions.checker import ListAppend, RwRegister
from checkers.transactions.consistency import NAMES, ruled_out_by
from checkers.verdict import Limits, Verdict
from tests.checkers.transactions import databases
from tests.checkers.transactions.databases import Database, Write, record

RUNS = 60
# What each keeps, and what it must be caught not to keep, by lists and by registers.
LEVELS: dict[Database, tuple[str, str, str]] = {
    databases.StrictlySerializable: ("strict-serializable", "", ""),
    databases.Serializable: (
        "serializable",
        "strong-session-snapshot-isolation",
        "strong-session-snapshot-isolation",
    ),
    databases.SnapshotIsolated: ("strong-snapshot-isolation", "serializable", "strong-session-serializable"),
    databases.ReadCommitted: ("strong-read-committed", "read-atomic", "read-atomic"),
    databases.ReadUncommitted: ("strong-read-uncommitted", "read-committed", "read-committed"),
    databases.WithoutIsolation: ("", "read-uncommitted", "read-committed"),
    databases.Stale: ("", "consistent-view", "consistent-view"),
    databases.Lossy: ("", "strong-session-read-uncommitted", "strong-session-snapshot-isolation"),
}
CHECKERS: dict[Write, type[ListAppend | RwRegister]] = {"append": ListAppend, "w": RwRegister}


def judge(history: History, write: Write, model: str = "strict-serializable") -> Verdict:
    return CHECKERS[write](model).check(history, Limits())


@pytest.mark.parametrize("write", CHECKERS)
@pytest.mark.parametrize("database", LEVELS)
def test_a_database_is_found_out_and_no_more(database: Database, write: Write) -> None:
    keeps, *breaks = LEVELS[database]
    caught: Counter[str] = Counter()
    for seed in range(RUNS):
        verdict = judge(record(database, Random(seed), write=write, transactions=30), write)
        out = {name for name in NAMES if not _satisfiable(name, verdict)}
        assert keeps not in out, (seed, verdict.anomalies)
        caught.update(out)
    broken = breaks[write == "w"]
    assert not broken or caught[broken] >= 2, caught


def _satisfiable(model: str, verdict: Verdict) -> bool:
    """Whether what is said to be ruled out leaves the model."""
    anomalies = (*verdict.anomalies, *verdict.weaknesses)
    return not any(all(model in ruled_out_by(name) for name in a.details["proof"]) for a in anomalies)


@pytest.mark.parametrize("write", CHECKERS)
@pytest.mark.parametrize("database", LEVELS)
def test_verdicts_do_not_depend_on_names(database: Database, write: Write) -> None:
    history = record(database, Random(7), write=write, transactions=40)
    renamed = History(_renamed(op) for op in history)
    before, after = judge(history, write), judge(renamed, write)
    assert before.statistics == after.statistics
    assert [a.name for a in before.anomalies] == [a.name for a in after.anomalies]


def _renamed(op: Op) -> Op:
    """Other keys, values and indices with gaps."""

    def other(value: object) -> object:
        if isinstance(value, list):
            return [other(part) for part in value]
        return f"v{-value}" if isinstance(value, int) else value

    value = [[f, f"key {key}", other(some)] for f, key, some in op.value]
    return Op(3 * op.index + 5, op.time, op.process, op.type, op.f, value)


@pytest.mark.parametrize("write", CHECKERS)
@pytest.mark.parametrize("database", LEVELS)
def test_a_transaction_that_failed_unseen_may_be_left_out(database: Database, write: Write) -> None:
    history = record(database, Random(3), write=write, transactions=40)
    failed = [pair for pair in history.pairs if pair.type == "fail"]
    seen = {(key, str(some)) for pair in history.pairs if pair.type == "ok" for _, key, some in pair.value}
    unseen = {
        op.index
        for pair in failed
        if not any(
            str(value) in some for f, key, value in pair.value if f != "r" for k, some in seen if k == key
        )
        for op in pair.ops
    }
    less = judge(history.where(lambda op: op.index not in unseen), write)
    before = judge(history, write)
    assert (before.valid, before.statistics.get("not")) == (less.valid, less.statistics.get("not"))


@pytest.mark.parametrize("write", CHECKERS)
@pytest.mark.parametrize("database", LEVELS)
def test_histories_of_other_keys_add_up(database: Database, write: Write) -> None:
    """Two histories one after the other, with other keys and clients: what is found in them is found."""
    first = record(database, Random(11), write=write, transactions=20)
    second = record(database, Random(12), write=write, transactions=20)
    moved = [
        Op(
            op.index + len(first),
            op.time,
            op.process + 10**7,
            op.type,
            op.f,
            [[f, -1 - k, v] for f, k, v in op.value],
        )
        for op in second
        if isinstance(op.process, int)
    ]
    parts = [judge(first, write).statistics, judge(second, write).statistics]
    whole = judge(History([*first, *moved]), write).statistics
    together = Counter(parts[0]["found"]) + Counter(parts[1]["found"])
    assert Counter(whole["found"]) == together
