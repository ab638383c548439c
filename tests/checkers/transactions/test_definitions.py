"""Against the definitions: every order tried, on histories of a few transactions."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from checkers.history import History
from checkers.transactions.checker import ListAppend, RwRegister
from checkers.transactions.transaction import transactions
from checkers.verdict import Limits
from tests.checkers.transactions import databases
from tests.checkers.transactions.databases import Write, record
from tests.checkers.transactions.oracle import is_serializable, is_snapshot_isolated

pytestmark = pytest.mark.usefixtures("python")
DATABASES = (
    databases.Serializable,
    databases.SnapshotIsolated,
    databases.ReadCommitted,
    databases.ReadUncommitted,
    databases.WithoutIsolation,
    databases.Stale,
    databases.Lossy,
)


def small(random: Random, write: Write, *, final_read: bool) -> History:
    return record(
        random.choice(DATABASES),
        random,
        write=write,
        transactions=random.randint(2, 4),
        clients=random.randint(1, 4),
        keys=random.randint(1, 3),
        longest=3,
        unknown=random.choice([0, 0.2]),
        final_read=final_read,
    )


def truths(history: History, write: Write) -> dict[str, bool]:
    txns = transactions(history, write)
    return {
        "serializable": is_serializable(txns),
        "strict-serializable": is_serializable(txns, strict=True),
        "snapshot-isolation": is_snapshot_isolated(txns),
        "strong-snapshot-isolation": is_snapshot_isolated(txns, strong=True),
    }


def test_lists_of_which_all_was_read_are_judged_exactly() -> None:
    seen: Counter[tuple[str, bool]] = Counter()
    for seed in range(80):
        history = small(Random(seed), "append", final_read=True)
        for model, truth in truths(history, "append").items():
            verdict = ListAppend(model).check(history, Limits())
            assert verdict.valid in (truth, "unknown"), (seed, model, verdict)
            assert truth or verdict.valid is False, (seed, model)
            seen[model, truth] += 1
    assert min(seen.values()) > 3, seen


def test_lists_with_unread_ends_have_an_order_unless_a_cycle_is_found() -> None:
    for seed in range(80):
        history = small(Random(1000 + seed), "append", final_read=False)
        for model, truth in truths(history, "append").items():
            verdict = ListAppend(model).check(history, Limits())
            assert not truth or verdict.valid is not False, (seed, model, verdict)
            assert truth or verdict.valid is False or "snapshot" in model, (seed, model)


def test_registers_are_never_blamed_wrongly() -> None:
    caught: Counter[str] = Counter()
    for seed in range(120):
        history = small(Random(seed), "w", final_read=seed % 2 == 0)
        for model, truth in truths(history, "w").items():
            verdict = RwRegister(model).check(history, Limits())
            assert not truth or verdict.valid is not False, (seed, model, verdict)
            caught[model] += verdict.valid is False
    assert min(caught.values()) > 0, caught
