"""The checkers of one file each: what they call wrong, and the same history repaired."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from checkers.bank import Bank
from checkers.counter import Counter
from checkers.history import History, Op
from checkers.outcomes import Outcomes
from checkers.total_queue import TotalQueue
from checkers.unique_ids import UniqueIds
from checkers.verdict import Checker, Limits, Verdict
from tests.checkers.histories import history


def lines(*parts: tuple[int, str, str, Any], times: list[int] | None = None) -> History:
    """Process, type, f and value of each line."""
    return History(
        Op(index, times[index] if times else index, process, kind, f, value)  # type: ignore[arg-type]
        for index, (process, kind, f, value) in enumerate(parts)
    )


def one(f: str, value: Any, *, kind: str = "ok", process: int = 0) -> list[tuple[int, str, str, Any]]:
    """An operation alone."""
    return [
        (process, "invoke", f, None if f in ("read", "dequeue", "drain") else value),
        (process, kind, f, value),
    ]


def check(checker: Checker, whole: History) -> Verdict:
    return checker.check(whole, Limits())


def names(checker: Checker, whole: History) -> list[str]:
    verdict = check(checker, whole)
    assert verdict.valid is (not verdict.anomalies), verdict
    return [anomaly.name for anomaly in verdict.anomalies]


def test_an_id_that_is_given_twice() -> None:
    twice = history("0 invoke generate", "1 invoke generate", "0 ok generate 7", "1 ok generate 7")
    assert names(UniqueIds(), twice) == ["duplicate-id"]
    assert len(check(UniqueIds(), twice).anomalies[0].operations) == 4
    assert (
        names(
            UniqueIds(),
            history("0 invoke generate", "0 ok generate 7", "0 invoke generate", "0 ok generate 8"),
        )
        == []
    )


def test_an_id_that_nobody_was_given_is_none() -> None:
    lost = history("0 invoke generate", "0 ok generate 7", "1 invoke generate", "1 info generate 7")
    assert names(UniqueIds(), lost) == []
    assert check(UniqueIds(), history("0 invoke generate", "0 fail generate")).valid == "unknown"


@pytest.mark.parametrize(("read", "good"), [(4, False), (5, True), (7, True), (8, False)])
def test_a_counter_between_what_must_and_what_may_be_there(read: int, good: bool) -> None:
    # 5 was acknowledged, 2 runs.
    whole = history(
        "0 invoke add 5", "0 ok add 5", "0 invoke add 2", "1 invoke read", f"1 ok read {read}", "0 ok add 2"
    )
    assert names(Counter(), whole) == ([] if good else ["out-of-bounds"])


@pytest.mark.parametrize(("read", "good"), [(-4, False), (-3, True), (5, True), (6, False)])
def test_a_counter_that_goes_down(read: int, good: bool) -> None:
    # 5 failed in part: -8 is unknown and may have come at any time.
    whole = history(
        "0 invoke add 5",
        "0 ok add 5",
        "1 invoke add -8",
        "1 info add -8",
        "2 invoke read",
        f"2 ok read {read}",
    )
    assert names(Counter(), whole) == ([] if good else ["out-of-bounds"])


def test_a_failed_addition_counts_for_nothing() -> None:
    whole = history("0 invoke add 5", "0 fail add 5", "0 invoke read", "0 ok read 5")
    assert names(Counter(), whole) == ["out-of-bounds"]
    assert check(Counter(), history("0 invoke add 5", "0 ok add 5")).valid == "unknown"
    assert (
        "no integer"
        in check(Counter(), history("0 invoke add x", "0 ok add x", "1 invoke read", "1 ok read 0")).reasons[
            0
        ]
    )


def test_a_correct_counter_is_never_blamed() -> None:
    for seed in range(100):
        random, total, ops = Random(seed), 0, []
        running: dict[int, tuple[str, int, int | None]] = {}
        for index in range(60):
            process = random.randrange(4)
            f, amount, seen = running.pop(process, ("", 0, None))
            if not f:
                f = random.choice(["add", "read"])
                amount = random.randint(-5, 5)
                running[process] = (f, amount, None)
                ops.append(Op(index, index, process, "invoke", f, amount if f == "add" else None))
            elif seen is None:
                total += amount if f == "add" else 0
                running[process] = (f, amount, total)
            else:
                ops.append(Op(index, index, process, "ok", f, amount if f == "add" else seen))
        assert check(Counter(), History(ops)).valid in (True, "unknown"), seed


def bank(*balances: dict[str, Any]) -> History:
    return lines(*(line for some in balances for line in one("read", some)))


@pytest.mark.parametrize(
    ("balances", "wrong"),
    [
        ({"a": 4, "b": 6}, []),
        ({"a": 4, "b": 5}, ["wrong-total"]),
        ({"a": 10}, ["unexpected-account"]),
        ({"a": 3, "b": 6, "c": 1}, ["unexpected-account"]),
        ({"a": -1, "b": 11}, ["negative-balance"]),
        ({"a": -1, "b": 10}, ["wrong-total", "negative-balance"]),
    ],
)
def test_a_bank_keeps_its_total(balances: dict[str, Any], wrong: list[str]) -> None:
    assert names(Bank(), bank({"a": 5, "b": 5}, balances)) == wrong


def test_a_bank_whose_total_is_given_or_that_lends() -> None:
    assert names(Bank(total=9), bank({"a": 5, "b": 5})) == ["wrong-total"]
    assert names(Bank(negative=True), bank({"a": 5, "b": 5}, {"a": -1, "b": 11})) == []
    assert check(Bank(), lines(*one("transfer", {}))).valid == "unknown"
    assert "no object of balances" in check(Bank(), bank({"a": "much"})).reasons[0]


def queue(*parts: list[tuple[int, str, str, Any]]) -> History:
    return lines(*(line for part in parts for line in part))


IN_OUT = (one("enqueue", 1), one("enqueue", 2), one("dequeue", 2))


def test_a_queue_that_gives_everything_back_once() -> None:
    assert names(TotalQueue(), queue(*IN_OUT, one("drain", [1]))) == []
    assert names(TotalQueue(), queue(*IN_OUT, one("drain", []))) == ["lost"]
    assert names(TotalQueue(), queue(*IN_OUT, one("drain", [1, 2]))) == ["duplicated"]
    assert names(TotalQueue(), queue(*IN_OUT, one("drain", [1, 3]))) == ["unexpected"]
    assert names(TotalQueue(), queue(*IN_OUT, one("enqueue", 3, kind="fail"), one("drain", [1, 3]))) == [
        "unexpected"
    ]


def test_what_may_be_in_a_queue_or_out_of_it() -> None:
    unknown = one("enqueue", 3, kind="info", process=1)
    assert names(TotalQueue(), queue(*IN_OUT, unknown, one("drain", [1, 3]))) == []
    assert names(TotalQueue(), queue(*IN_OUT, unknown, one("drain", [1]))) == []
    taken = one("dequeue", None, kind="info", process=2)
    assert names(TotalQueue(), queue(*IN_OUT, taken, one("drain", []))) == []
    assert names(TotalQueue(), queue(one("enqueue", 1), one("enqueue", 2), taken, one("drain", []))) == [
        "lost",
        "lost",
    ]


def test_a_queue_that_was_not_drained_at_the_end_may_hold_the_rest() -> None:
    for rest in ((), (one("drain", []), one("enqueue", 1), one("drain", [1], kind="fail"))):
        verdict = check(TotalQueue(), queue(one("enqueue", 2), *rest))
        assert verdict.valid == "unknown"
        assert "not drained" in verdict.reasons[0]
    assert check(TotalQueue(), queue(one("drain", []))).reasons == ("no enqueue was acknowledged",)


SUSPECT = {
    "failed-but-seen": (
        history("0 invoke write 1", "0 fail write 1", "1 invoke read", "1 ok read 1"),
        history(
            "0 invoke write 1",
            "0 fail write 1",
            "0 invoke write 1",
            "0 ok write 1",
            "1 invoke read",
            "1 ok read 1",
        ),
    ),
    "ended-early": (history("0 ok write 1"), history("0 invoke write 1", "0 ok write 1")),
    "acted-after-info": (
        history("0 invoke write 1", "0 info write 1", "0 invoke read", "0 ok read 1"),
        history("0 invoke write 1", "0 info write 1", "1 invoke read", "1 ok read 1"),
    ),
    "clock-ran-back": (
        lines(*one("write", 1), *one("write", 2), times=[5, 6, 4, 7]),
        lines(*one("write", 1), *one("write", 2), times=[5, 6, 6, 7]),
    ),
}


@pytest.mark.parametrize("name", SUSPECT)
def test_a_client_that_may_have_got_it_wrong(name: str) -> None:
    bad, good = SUSPECT[name]
    verdict = check(Outcomes(), bad)
    assert verdict.valid == "unknown"
    assert name in {anomaly.name for anomaly in verdict.weaknesses}
    assert not verdict.anomalies
    assert "classification is suspect" in verdict.reasons[0]
    assert check(Outcomes(), good).valid is True


def test_a_completion_timed_before_its_invocation() -> None:
    found = check(Outcomes(), lines(*one("write", 1), times=[5, 4])).weaknesses
    assert [anomaly.name for anomaly in found] == ["ended-early", "clock-ran-back"]


def test_failed_transactions_that_were_seen() -> None:
    seen = [["r", "x", [1, 2]]]
    failed = one("txn", [["append", "x", 2]], kind="fail")
    bad = lines(*one("txn", [["append", "x", 1]]), *failed, *one("txn", seen, process=1))
    assert [a.name for a in check(Outcomes(), bad).weaknesses] == ["failed-but-seen"]
    other = lines(*failed, *one("txn", [["append", "y", 2]]), *one("txn", seen, process=1))
    assert len(check(Outcomes(), other).weaknesses) == 1  # the write to another key explains nothing


@pytest.mark.parametrize("checker", [UniqueIds(), Counter(), TotalQueue(), Outcomes()])
def test_limits_hold(checker: Checker) -> None:
    whole = history("0 invoke read", "0 ok read 1")
    verdict = checker.check(whole, Limits(memory_bytes=10))
    assert verdict.valid == "unknown"
    assert "memory limit" in verdict.reasons[0]
