"""Versions and truncation: each anomaly in the few operations that show it, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.history import History, Op
from checkers.truncation import Truncation
from checkers.verdict import Limits, Verdict
from checkers.versions import Versions

A, B, LOOSE = "c/a", "d/b", "loose/x"


def _history(*steps: tuple[str, str, Any, Any]) -> History:
    """One process after the other, each doing one operation: `f`, how it ended, its argument, its result."""
    ops = []
    for process, (f, ended, asked, told) in enumerate(steps):
        ops.append(Op(2 * process, 2 * process, process, "invoke", f, asked))
        ops.append(Op(2 * process + 1, 2 * process + 1, process, ended, f, told))  # type: ignore[arg-type]
    return History(ops)


def _write(
    number: int, expects: dict[str, str], revisions: dict[str, str] | None, by: str = "single"
) -> tuple[str, str, Any, Any]:
    """Without `revisions` nobody knows what became of it."""
    asked = {"by": by, "number": number, "expects": expects}
    if revisions is None:
        return "write", "info", asked, None
    return "write", "ok", asked, {**asked, "revisions": revisions}


def _read(documents: dict[str, Any], by: str = "transaction", **more: Any) -> tuple[str, str, Any, Any]:
    asked = {"by": by, "documents": list(documents)}
    return "read", "ok", asked, {"by": by, "documents": documents, **more}


def _upsert(number: int, revision: str) -> tuple[str, str, Any, Any]:
    asked = {"number": number, "documents": [LOOSE]}
    return "upsert", "ok", asked, asked | {"revisions": {LOOSE: revision}}


def _judged(*steps: tuple[str, str, Any, Any], durable: bool = True) -> Verdict:
    return Versions(durable=durable).check(_history(*steps), Limits())


START = _read({A: ["r0", None], B: ["s0", None]})
BOTH = _write(1, {A: "r0", B: "s0"}, {A: "r1", B: "s1"}, "transaction")
BOTH_UNKNOWN = _write(1, {A: "r0", B: "s0"}, None, "transaction")


@pytest.mark.parametrize(
    ("anomaly", "steps"),
    [
        ("lost-update", [START, _write(1, {A: "r0"}, {A: "r1"}), _write(2, {A: "r0"}, {A: "r2"})]),
        (
            "lost-update",  # the first one was never answered, but it was seen
            [START, _write(1, {A: "r0"}, None), _read({A: ["r1", 1]}), _write(2, {A: "r0"}, {A: "r2"})],
        ),
        (
            "lost-update",  # a transaction was seen at one document, and so it was done at the other
            [START, BOTH_UNKNOWN, _read({A: ["r1", 1]}), _write(2, {B: "s0"}, {B: "s2"})],
        ),
        ("lost-write", [START, _write(1, {A: "r0"}, {A: "r1"}), _read({A: ["r0", None]})]),
        ("lost-write", [START, _write(1, {A: "r0"}, {A: "r1"}), _read({A: None})]),
        ("lost-write", [START, _write(1, {A: "r0"}, None), _read({A: ["r1", 1]}), START]),
        (
            "stale-read",
            [START, _write(1, {A: "r0"}, {A: "r1"}), _read({A: ["r0", None]}), _read({A: ["r1", 1]})],
        ),
        ("fractured-read", [START, BOTH_UNKNOWN, _read({A: ["r1", 1], B: ["s0", None]})]),
        (
            "fractured-read",  # one document has been replaced since
            [START, BOTH, _write(2, {A: "r1"}, {A: "r2"}), _read({A: ["r2", 2], B: ["s0", None]})],
        ),
        ("non-repeatable-read", [START, BOTH, _read({A: ["r1", 1]}, again={A: ["r0", None]})]),
        ("aborted-read", [("abort", "ok", {"number": 1, "documents": [A]}, None), _read({A: ["r1", 1]})]),
        ("aborted-read", [("abort", "info", {"number": 1, "documents": [A]}, None), _read({A: ["r1", 1]})]),
        ("phantom", [START, _read({A: ["r7", 7]})]),
        ("phantom", [START, _write(1, {B: "s0"}, {B: "s1"}), _read({A: ["r1", 1]})]),
        (
            "phantom",
            [
                START,
                ("write", "fail", {"by": "single", "number": 1, "expects": {A: "r0"}}, None),
                _read({A: ["r1", 1]}),
            ],
        ),
        (
            "phantom",  # the batch was refused at this document
            [START, _write(1, {A: "r0", "c/e": "e0"}, {"c/e": "e1"}, "batch"), _read({A: ["r1", 1]})],
        ),
        ("reused-revision", [_upsert(1, "x1"), _upsert(2, "x1"), START]),
        ("reused-revision", [_upsert(1, "x1"), _read({LOOSE: ["x1", 2]}, "batch"), _upsert(2, "x2")]),
    ],
)
def test_an_anomaly_is_found_with_its_operations(anomaly: str, steps: list[Any]) -> None:
    verdict = _judged(*steps)
    assert verdict.valid is False
    assert anomaly in {each.name for each in verdict.anomalies}
    assert all(each.operations and each.sentence for each in verdict.anomalies)


@pytest.mark.parametrize(
    "steps",
    [
        [START, BOTH, _read({A: ["r1", 1], B: ["s1", 1]}), _write(2, {A: "r1"}, {A: "r2"})],
        [START, BOTH_UNKNOWN, _read({A: ["r0", None], B: ["s0", None]})],
        [START, _write(1, {A: "r0"}, None), _write(2, {A: "r0"}, {A: "r2"}), _read({A: ["r2", 2]})],
        # What is read one by one may be from before and after a transaction.
        [START, BOTH_UNKNOWN, _read({A: ["r1", 1], B: ["s0", None]}, "batch")],
        # A batch is done document by document.
        [START, _write(1, {A: "r0", B: "s0"}, {A: "r1"}, "batch"), _write(2, {B: "s0"}, {B: "s2"})],
        [START, ("abort", "ok", {"number": 1, "documents": [A]}, None), START],
        # What did not ask for the disk may be lost, but no revision comes again.
        [_upsert(1, "x1"), _read({LOOSE: ["x0", None]}, "batch"), _upsert(2, "x2")],
    ],
)
def test_what_a_sound_database_may_do_is_no_anomaly(steps: list[Any]) -> None:
    verdict = _judged(*steps)
    assert verdict.valid is True, verdict.anomalies


def test_a_read_that_began_before_a_write_was_acknowledged_may_show_what_was_before() -> None:
    asked = {"by": "single", "number": 1, "expects": {A: "r0"}}
    read = {"by": "batch", "documents": [A]}
    ops = [
        Op(0, 0, 0, "invoke", "write", asked),
        Op(1, 1, 1, "invoke", "read", read),
        Op(2, 2, 0, "ok", "write", asked | {"revisions": {A: "r1"}}),
        Op(3, 3, 1, "ok", "read", read | {"documents": {A: ["r0", None]}}),
    ]
    assert Versions().check(History(ops), Limits()).valid is True


def test_what_was_not_asked_to_be_on_disk_is_a_weakness_if_it_is_lost() -> None:
    steps = [START, _write(1, {A: "r0"}, {A: "r1"}), START]
    verdict = _judged(*steps, durable=False)
    assert (verdict.valid, [each.name for each in verdict.weaknesses]) == (True, ["lost-write"])


def test_without_a_read_nothing_is_known() -> None:
    assert _judged(_write(1, {A: "r0"}, {A: "r1"})).valid == "unknown"


def test_limits_are_kept() -> None:
    history = _history(START, *[_write(n, {A: f"r{n}"}, {A: f"r{n + 1}"}) for n in range(100)])
    assert Versions().check(history, Limits(memory_bytes=1000)).reasons


def _cut(*steps: tuple[str, str, Any, Any], durable: bool = True) -> Verdict:
    return Truncation(durable=durable).check(_history(*steps), Limits())


def _add(element: int, ended: str = "ok") -> tuple[str, str, Any, Any]:
    return "add", ended, element, None


def _truncate(ended: str = "ok") -> tuple[str, str, Any, Any]:
    return "truncate", ended, None, None


def _elements(*elements: int) -> tuple[str, str, Any, Any]:
    return "elements", "ok", None, list(elements)


@pytest.mark.parametrize(
    ("anomaly", "steps"),
    [
        ("lost-write", [_add(1), _truncate(), _elements(1)]),
        ("lost-write", [_add(1), _truncate(), _elements(), _truncate("info"), _elements(1)]),
        ("lost-write", [_add(1, "info"), _elements(1), _truncate(), _elements(1)]),
        ("lost-write", [_truncate(), _add(1), _elements()]),
        ("lost-write", [_truncate("fail"), _add(1), _elements()]),
        ("phantom", [_elements(1)]),
        ("phantom", [_add(1, "fail"), _elements(1)]),
        ("phantom", [_elements(1), _add(1)]),
    ],
)
def test_what_a_truncation_leaves_or_takes_wrongly_is_found(anomaly: str, steps: list[Any]) -> None:
    verdict = _cut(*steps)
    assert verdict.valid is False
    assert [each.name for each in verdict.anomalies] == [anomaly]
    assert verdict.anomalies[0].operations


@pytest.mark.parametrize(
    "steps",
    [
        [_add(1), _truncate(), _add(2), _elements(2)],
        [_add(1), _truncate("info"), _elements(1), _elements()],
        [_add(1, "info"), _truncate(), _elements(1)],
        [_add(1), _truncate("fail"), _elements(1)],
        [_truncate("info"), _add(1), _elements()],
    ],
)
def test_what_a_truncation_may_leave_or_take_is_no_anomaly(steps: list[Any]) -> None:
    verdict = _cut(*steps)
    assert verdict.valid is True, verdict.anomalies


def test_a_lost_truncation_that_need_not_be_on_disk_is_a_weakness() -> None:
    verdict = _cut(_add(1), _truncate(), _elements(1), durable=False)
    assert (verdict.valid, [each.name for each in verdict.weaknesses]) == (True, ["lost-write"])


def test_a_truncation_that_nobody_looked_at_shows_nothing() -> None:
    assert _cut(_add(1), _truncate()).valid == "unknown"
