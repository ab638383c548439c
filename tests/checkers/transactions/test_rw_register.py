"""Registers: what reads show of the order in which they were written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkers.history import History
from checkers.transactions.checker import RwRegister
from checkers.transactions.dependency import REALTIME
from checkers.transactions.rw_register import Version, link_immediate
from checkers.verdict import Limits, Verdict
from tests.checkers.transactions.notation import sequence, timeline, together

pytestmark = pytest.mark.usefixtures("either")


def check(history: History, model: str = "strict-serializable") -> Verdict:
    return RwRegister(model).check(history, Limits())


# name, bad, good, the weakest models that the bad one rules out
CASES = {
    "G1a": (
        sequence("fail w x 1", "ok r x 1"),
        sequence("fail w x 1", "ok w x 2", "ok r x 2"),
        ["read-committed"],
    ),
    "G1b": (
        together("ok w x 1, w x 2", "ok r x 1"),
        together("ok w x 1, w x 2", "ok r x 2"),
        ["read-committed"],
    ),
    "G1c": (
        together("ok w x 1, r y 1", "ok w y 1, r x 1"),
        together("ok w x 1, r y 1", "ok w y 1, r x nil"),
        ["read-committed"],
    ),
    "cyclic-versions": (
        together("ok r x 1, w x 2", "ok r x 2, w x 1"),
        together("ok r x nil, w x 2", "ok r x 2, w x 1"),
        ["read-committed"],
    ),
    "internal": (
        together("ok w x 1, r x 2", "ok w x 2"),
        together("ok w x 1, r x 1", "ok w x 2", "ok r x 2"),
        ["read-atomic", "repeatable-read"],
    ),
    "future-read": (
        together("ok r x 1, w x 1", "ok r x 1"),
        together("ok w x 1, r x 1", "ok r x 1"),
        ["read-atomic", "repeatable-read"],
    ),
    "garbage-read": (
        sequence("ok w x 1", "ok r x 2"),
        sequence("ok w x 1", "ok r x 1"),
        ["read-uncommitted"],
    ),
    "lost-update": (
        together("ok r x nil, w x 1", "ok r x nil, w x 2", "ok r x 2"),
        together("ok r x nil, w x 1", "ok r x 1, w x 2", "ok r x 2"),
        ["consistent-view", "repeatable-read"],
    ),
    "fractured-read": (
        together("ok w x 1, w y 1", "ok r x 1, r y nil"),
        together("ok w x 1, w y 1", "ok r x 1, r y 1"),
        ["read-atomic", "consistent-view", "repeatable-read"],
    ),
    "G-nonadjacent-item": (
        together("ok w x 1", "ok w y 1", "ok r x 1, r y nil", "ok r y 1, r x nil"),
        together("ok w x 1", "ok w y 1", "ok r x 1, r y nil", "ok r y 1, r x 1"),
        ["repeatable-read", "snapshot-isolation"],
    ),
    "G2-item": (
        together("ok r x nil, w y 1", "ok r y nil, w x 1"),
        together("ok r x nil, w y 1", "ok r y 1, w x 1"),
        ["repeatable-read"],
    ),
    "G-single-item-process": (
        sequence("0 ok w x 1", "0 ok w x 2, w y 2", "1 ok r y 2, r x 1"),
        sequence("0 ok w x 1", "0 ok w x 2, w y 2", "1 ok r y 2, r x 2"),
        ["strong-session-snapshot-isolation"],
    ),
    "cyclic-versions-process": (
        sequence("0 ok w x 1", "0 ok w x 2", "1 ok r x 2", "1 ok r x 1"),
        sequence("0 ok w x 1", "0 ok w x 2", "1 ok r x 2", "1 ok r x 2"),
        ["strong-session-snapshot-isolation"],
    ),
    "G-single-item-realtime": (
        sequence("ok w x 1", "ok r x nil"),
        sequence("ok w x 1", "ok r x 1"),
        ["strong-snapshot-isolation"],
    ),
    "cyclic-versions-realtime": (
        sequence("ok w x 1", "ok w x 2", "ok r x 1"),
        sequence("ok w x 1", "ok w x 2", "ok r x 2"),
        ["strong-snapshot-isolation"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_history_with_the_anomaly_and_without(name: str) -> None:
    bad, good, out = CASES[name]
    verdict = check(bad)
    assert name in verdict.statistics["found"]
    assert verdict.statistics["not"] == out
    assert verdict.valid is False
    assert check(good).valid is True, check(good).anomalies


def test_an_order_in_time_serves_cycles_in_time_only() -> None:
    # By time 1 is older than 2, so who read 1 came before who wrote 2, of whom the reader saw another write.
    verdict = check(IN_TIME)
    assert verdict.statistics["not"] == ["strong-snapshot-isolation"]
    (anomaly,) = verdict.anomalies
    assert anomaly.name == "G-single-item-realtime"
    assert anomaly.sentence == (
        "T1 read 1 of x, and T2 wrote 2, which is later: the transaction of index 2, which met it, began "
        "after the end of that of index 0, which had met 1, so T1 came before T2; "
        "T1 read 2 of y, which T2 had written, so T2 came before T1: "
        "so each of them came before the others, which no order allows (T1: index 3, T2: index 2)"
    )
    assert verdict.weaknesses == ()


IN_TIME = timeline(
    "0 invoke w x 1",
    "0 ok w x 1",
    "1 invoke w x 2, w y 2",
    "2 invoke r x ?, r y ?",
    "1 ok w x 2, w y 2",
    "2 ok r x 1, r y 2",
)


def test_the_order_of_a_client_does_not_rule_out_more_than_its_cycle() -> None:
    # Process 1 meets 1, then 2; so 1 is older. If it is not, that is a cycle with one anti-dependency, which
    # strong-session-read-committed allows, so nothing that follows from the order may rule that out.
    verdict = check(
        timeline(
            "2 invoke w x 1, r y ?",
            "3 invoke w x 2, w y 2",
            "1 invoke r x ?",
            "1 ok r x 1",
            "1 invoke r x ?",
            "1 ok r x 2",
            "3 ok w x 2, w y 2",
            "2 ok w x 1, r y 2",
        ),
        "strong-session-read-committed",
    )
    assert "G1c-process" in verdict.statistics["found"]
    assert verdict.statistics["not"] == ["strong-session-snapshot-isolation"]
    assert verdict.valid is True


@given(st.permutations(range(12)), st.integers(2, 6))
def test_immediate_successors_reach_what_the_definition_orders(lines: list[int], versions: int) -> None:
    """A version is later than another if somebody met it after somebody was done with the other."""
    zones = [(lines[2 * n], lines[2 * n + 1]) for n in range(versions)]
    by_end = sorted(enumerate(zones), key=lambda item: item[1][1])
    objects = [
        (name, Version(None, True, first_done=done, last_begun=begun)) for name, (done, begun) in by_end
    ]
    link_immediate(objects)
    near = {name: {value for value, _, _ in version.following[REALTIME]} for name, version in objects}
    after = {a: {b for b in range(versions) if b != a and zones[a][0] < zones[b][1]} for a in range(versions)}
    assert all(near[name] <= after[name] for name in near)
    circular = any(a in after[b] for a in after for b in after[a])
    assert any(name in _reach(near, name) for name in near) is circular
    if not circular:
        assert all(_reach(near, name) == _reach(after, name) for name in near)


def _reach(near: dict[int, set[int]], start: int) -> set[int]:
    reached: set[int] = set()
    frontier = set(near[start])
    while frontier:
        reached |= frontier
        frontier = {further for name in frontier for further in near[name]} - reached
    return reached


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        (sequence("ok w x 1", "ok w x 1"), "both write 1 to 'x'"),
        (sequence("ok w x nil"), "writes null"),
        (sequence("ok a x 1"), "neither"),
    ],
)
def test_what_cannot_be_judged_is_unknown(history: History, reason: str) -> None:
    verdict = check(history)
    assert verdict.valid == "unknown"
    assert reason in verdict.reasons[0]
