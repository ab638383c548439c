"""Every anomaly that lists show: a history that has it, and the same one repaired."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from checkers.history import History, Op
from checkers.transactions.checker import ListAppend
from checkers.transactions.consistency import NAMES, strongest
from checkers.verdict import Limits, Verdict
from tests.checkers.transactions.notation import sequence, timeline, together

pytestmark = pytest.mark.usefixtures("either")


def check(history: History, model: str = "strict-serializable") -> Verdict:
    return ListAppend(model).check(history, Limits())


def found(history: History) -> set[str]:
    return set(check(history).statistics["found"])


# name, bad, good, the weakest models that the bad one rules out, and the strongest it may still satisfy
CASES = {
    "G0": (
        together("ok a x 1, a y 1", "ok a x 2, a y 2", "ok r x [1 2], r y [2 1]"),
        together("ok a x 1, a y 1", "ok a x 2, a y 2", "ok r x [1 2], r y [1 2]"),
        ["read-uncommitted"],
    ),
    "G1a": (
        sequence("fail a x 1", "ok r x [1]"),
        sequence("fail a x 1", "ok a x 2", "ok r x [2]"),
        ["read-committed"],
    ),
    "G1b": (
        together("ok a x 1, a x 2", "ok r x [1]"),
        together("ok a x 1, a x 2", "ok r x [1 2]"),
        ["read-committed"],
    ),
    "G1c": (
        together("ok a x 1, r y [1]", "ok a y 1, r x [1]"),
        together("ok a x 1, r y [1]", "ok a y 1, r x []"),
        ["read-committed"],
    ),
    "internal": (
        together("ok r x [], a x 1, r x [2 1]", "ok a x 2"),
        together("ok r x [2], a x 1, r x [2 1]", "ok a x 2"),
        ["read-atomic", "consistent-view", "repeatable-read"],
    ),
    "future-read": (
        together("ok r x [1], a x 1", "ok r x [1]"),
        together("ok a x 1, r x [1]", "ok r x [1]"),
        ["read-atomic", "repeatable-read"],
    ),
    "garbage-read": (
        sequence("ok a x 1", "ok r x [1 2]"),
        sequence("ok a x 1", "ok r x [1]"),
        ["read-uncommitted"],
    ),
    "duplicate-elements": (
        sequence("ok a x 1", "ok r x [1 1]"),
        sequence("ok a x 1", "ok r x [1]"),
        ["read-uncommitted"],
    ),
    "incompatible-order": (
        together("ok a x 1", "ok a x 2", "ok r x [1 2]", "ok r x [2]"),
        together("ok a x 1", "ok a x 2", "ok r x [1 2]", "ok r x [1]"),
        ["read-committed"],
    ),
    "dirty-update": (
        together("fail a x 1", "ok a x 2", "ok r x [1 2]"),
        together("fail a x 1", "ok a x 2", "ok r x [2]"),
        ["read-committed"],
    ),
    "lost-update": (
        together("ok r x [], a x 1", "ok r x [], a x 2", "ok r x [1 2]"),
        together("ok r x [], a x 1", "ok r x [1], a x 2", "ok r x [1 2]"),
        ["consistent-view", "repeatable-read"],
    ),
    "fractured-read": (
        together("ok a x 1, a y 1", "ok r x [1], r y []", "ok r y [1]"),
        together("ok a x 1, a y 1", "ok r x [], r y []", "ok r y [1]"),
        ["read-atomic", "consistent-view", "repeatable-read"],
    ),
    "G-single-item": (
        together("ok a x 1, a y 1", "ok a x 2, a z 2", "ok r y [1], r x []", "ok r x [1 2]"),
        together("ok a x 1, a y 1", "ok a x 2, a z 2", "ok r y [1], r x [1]", "ok r x [1 2]"),
        ["read-atomic", "consistent-view", "repeatable-read"],
    ),
    "G-nonadjacent-item": (
        together("ok a x 1", "ok a y 1", "ok r x [1], r y []", "ok r y [1], r x []"),
        together("ok a x 1", "ok a y 1", "ok r x [1], r y []", "ok r y [1], r x [1]"),
        ["repeatable-read", "snapshot-isolation"],
    ),
    "G2-item": (
        together("ok r x [], a y 1", "ok r y [], a x 1", "ok r x [1], r y [1]"),
        together("ok r x [], a y 1", "ok r y [1], a x 1", "ok r x [1], r y [1]"),
        ["repeatable-read"],
    ),
    "G0-process": (
        timeline(
            "5 invoke r x [2 1]",
            "0 invoke a x 1",
            "0 ok a x 1",
            "0 invoke a x 2",
            "0 ok a x 2",
            "5 ok r x [2 1]",
        ),
        timeline(
            "5 invoke r x [1 2]",
            "0 invoke a x 1",
            "0 ok a x 1",
            "0 invoke a x 2",
            "0 ok a x 2",
            "5 ok r x [1 2]",
        ),
        ["causal-consistency", "strong-session-read-uncommitted"],
    ),
    "G1c-process": (
        sequence("0 ok r x [1]", "0 ok a x 1"),
        sequence("0 ok r x []", "0 ok a x 1", "0 ok r x [1]"),
        ["causal-consistency", "strong-session-read-committed"],
    ),
    "G-single-item-process": (
        sequence("0 ok a x 1", "1 ok r x [1]", "0 ok r x []"),
        sequence("0 ok a x 1", "1 ok r x [1]", "0 ok r x [1]"),
        ["strong-session-snapshot-isolation"],
    ),
    "G0-realtime": (
        sequence("ok a x 1", "ok a x 2", "ok r x [2 1]"),
        sequence("ok a x 1", "ok a x 2", "ok r x [1 2]"),
        ["strong-read-uncommitted"],
    ),
    "G1c-realtime": (
        sequence("ok r x [1]", "ok a x 1"),
        sequence("ok a x 1", "ok r x [1]"),
        ["strong-read-committed"],
    ),
    "G-single-item-realtime": (
        sequence("ok a x 1", "ok r x []"),
        sequence("ok a x 1", "ok r x [1]"),
        ["strong-snapshot-isolation"],
    ),
    "G-nonadjacent-item-realtime": (
        timeline(
            "1 invoke r y ?, r x ?",
            "2 invoke a y 1",
            "3 invoke a x 1",
            "3 ok a x 1",
            "4 invoke r y ?",
            "4 ok r y []",
            "2 ok a y 1",
            "1 ok r y [1], r x []",
        ),
        timeline(
            "1 invoke r y ?, r x ?",
            "2 invoke a y 1",
            "3 invoke a x 1",
            "3 ok a x 1",
            "4 invoke r y ?",
            "4 ok r y []",
            "2 ok a y 1",
            "1 ok r y [1], r x [1]",
        ),
        ["strong-snapshot-isolation"],
    ),
    "G2-item-realtime": (
        timeline(
            "1 invoke r y ?, a x 1",
            "2 invoke a y 1",
            "2 ok a y 1",
            "0 invoke r x ?",
            "0 ok r x []",
            "1 ok r y [], a x 1",
        ),
        timeline(
            "1 invoke r y ?, a x 1",
            "2 invoke a y 1",
            "2 ok a y 1",
            "0 invoke r x ?",
            "0 ok r x [1]",
            "1 ok r y [], a x 1",
        ),
        ["strict-serializable"],
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


@pytest.mark.parametrize("name", CASES)
def test_claims_fail_exactly_where_the_anomalies_rule_them_out(name: str) -> None:
    bad, _, _ = CASES[name]
    for model in NAMES:
        verdict = check(bad, model)
        left = strongest({*verdict.statistics["may_be"], model}) == tuple(verdict.statistics["may_be"])
        assert (verdict.valid is not False) is left, model
        assert bool(verdict.anomalies) is not left
        assert len(verdict.anomalies) + len(verdict.weaknesses) == sum(verdict.statistics["found"].values())


def test_the_sentence_says_why_each_came_before_the_next() -> None:
    (anomaly,) = (a for a in check(CASES["G2-item"][0]).anomalies if a.name == "G2-item")
    assert anomaly.sentence == (
        "T1 read [] of x, and T2 appended 1 next, so T1 came before T2; "
        "T2 read [] of y, and T1 appended 1 next, so T2 came before T1: "
        "so each of them came before the others, which no order allows (T1: index 0, T2: index 1)"
    )
    assert anomaly.details["edges"] == ["rw", "rw"]
    assert anomaly.details["shortest"] is True
    assert anomaly.details["transactions"]["T2"] == {
        "index": 1,
        "process": 101,
        "type": "ok",
        "value": [["r", "y", []], ["append", "x", 1]],
    }
    assert [op.index for op in anomaly.operations] == [0, 1, 3, 4]


def test_the_proof_names_its_sources() -> None:
    verdict = check(CASES["G-single-item"][0], "snapshot-isolation")
    (anomaly,) = (a for a in verdict.anomalies if a.name == "G-single-item")
    assert anomaly.details["proof"]["G-single-item"] == [
        "G-single-item entails G-single (Adya 1999)",
        "parallel-snapshot-isolation forbids G-single (Cerone & Gotsman 2018)",
        "snapshot-isolation implies parallel-snapshot-isolation (Cerone, Bernardi & Gotsman 2015)",
    ]


def test_the_shortest_cycle_is_told_first_and_drawn() -> None:
    # Write skew of three, and apart from it write skew of two.
    three = ("ok r a [], a b 1", "ok r b [], a c 1", "ok r c [], a a 1")
    two = ("ok r x [], a y 1", "ok r y [], a x 1")
    seen = "ok r a [1], r b [1], r c [1], r x [1], r y [1]"
    anomalies = [a for a in check(together(*three, *two, seen)).anomalies if a.name == "G2-item"]
    assert [len(a.details["edges"]) for a in anomalies] == [2, 3]
    drawing = ElementTree.fromstring(anomalies[0].details["drawing"])
    texts = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {"T1: index 3, process 103", "r x []", "append y 1", "rw"} <= set(texts)
    assert "drawing" not in anomalies[1].details


def test_every_edge_can_be_put_into_words() -> None:
    sentences = {name: [a.sentence for a in check(bad).anomalies] for name, (bad, _, _) in CASES.items()}
    words = " ".join(sentence for some in sentences.values() for sentence in some)
    for part in (
        "whose last element T1 had appended",
        "appended 1 to x, and T2 appended 2 next",
        "process 0 did T[12] and then T[12]",
        r"T\d had ended \(index \d\) when T\d began \(index \d\)",
    ):
        assert re.search(part, words), part


def test_appends_that_nobody_saw_come_last() -> None:
    # Write skew of which nobody reads the results.
    verdict = check(together("ok r x [], a y 1", "ok r y [], a x 1"), "serializable")
    (anomaly,) = verdict.anomalies
    assert anomaly.name == "G2-item"
    assert "the end of all that was ever read, and T2 appended 1, which nobody read" in anomaly.sentence


def test_an_acknowledged_append_that_is_gone() -> None:
    verdict = check(sequence("ok a x 1", "ok a x 2", "ok r x [1]"))
    assert set(verdict.statistics["found"]) == {"G-single-item-realtime"}


def test_one_transaction_alone_at_the_end_of_a_list_is_no_cycle() -> None:
    assert check(sequence("ok a x 1", "ok r x [1], a x 2")).valid is True
    assert check(sequence("ok a x 1", "ok r x [1], a x 2, a x 3")).valid is True


def test_a_transaction_of_unknown_outcome_that_was_seen_did_commit() -> None:
    bad = together("info a x 1, a y 1", "ok r x [1], r y []", "ok r y [1]")
    verdict = check(bad)
    assert found(bad) == {"G-single-item", "fractured-read"}
    assert verdict.valid is False
    proofs = [a.details["proof"] for a in verdict.anomalies]
    assert all(set(proof) == {a.name, "G1a"} for proof, a in zip(proofs, verdict.anomalies, strict=True))


def test_an_unknown_commit_does_not_rule_out_what_allows_aborted_reads() -> None:
    # If the first transaction did not commit, its write was no version: no G0, but an aborted read.
    bad = together("info a x 1, a y 1", "ok a x 2, a y 2", "ok r x [1 2], r y [2 1]")
    assert "G0" in found(bad)
    assert check(bad, "read-uncommitted").valid is True
    assert check(bad, "read-committed").valid is False


def test_a_transaction_of_unknown_outcome_that_nobody_saw_says_nothing() -> None:
    assert check(together("info a x 1", "ok r x [], a y 1", "ok r y [1]")).valid is True


def test_a_failed_append_is_no_version() -> None:
    # 2 was aborted: who read [1] precedes who appended 3, and that is all right.
    assert found(sequence("ok a x 1", "ok r x [1]", "fail a x 2", "ok a x 3", "ok r x [1 2 3]")) == {
        "G1a",
        "dirty-update",
    }


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        (sequence("ok a x 1", "ok a x 1"), "both write 1 to 'x'"),
        (sequence("info a x 1", "fail r x ?"), "no transaction ended with ok"),
        (sequence("ok a x 1", "ok a y 1"), "no transaction saw or overwrote anything of another"),
        (sequence("ok w x 1"), r"neither \["),
        (History([Op(0, 0, 0, "invoke", "read")]), 'index 0 is "read", not "txn"'),
        (timeline("0 invoke a x 1", "0 ok a x 2"), "index 1 completes other micro-operations"),
        (timeline("0 invoke r x ?", "0 ok r x 1"), "read no list"),
    ],
)
def test_what_cannot_be_judged_is_unknown(history: History, reason: str) -> None:
    verdict = check(history)
    assert verdict.valid == "unknown"
    assert re.search(reason, verdict.reasons[0]), verdict.reasons


def test_limits_hold() -> None:
    history = sequence(*(f"ok a x {n}" for n in range(50)), "ok r x [0 1 2]")
    verdict = ListAppend().check(history, Limits(memory_bytes=1000))
    assert verdict.valid == "unknown"
    assert "memory limit" in verdict.reasons[0]
    verdict = ListAppend().check(history, Limits(time_s=0))
    assert verdict.valid == "unknown"
    assert "time limit" in verdict.reasons[0]


def test_there_is_no_such_model() -> None:
    with pytest.raises(KeyError, match="no consistency model perfect"):
        check(sequence("ok a x 1"), "perfect")
    assert check(CASES["G2-item"][0], "PL-3").valid is False
