"""The clause table, row by row."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from checkers.history import History
from checkers.verdict import Anomaly, Verdict
from harness.clauses import Judged, Row, table
from harness.junit import junit
from workloads.guarantees import Clause, Document

DOCUMENT = Document("some-page", "Some Page")
CATALOGUE = {
    "A-HOLDS": Clause("A-HOLDS", "single", DOCUMENT, "s", "It holds.", "holds", ("w",), None),
    "A-WEAK": Clause("A-WEAK", "single", DOCUMENT, "s", "It may fail.", "weak", ("w",), None),
    "A-OTHER": Clause("A-OTHER", "single", DOCUMENT, "s", "Not judged here.", "holds", ("v",), None),
}
EXERCISED = {"clauses": {name: {"operations": 7, "exposures": 3} for name in CATALOGUE}}
GREEN = Verdict(True, statistics=EXERCISED)
W = Judged("w", ("A-WEAK", "A-HOLDS"), History(), GREEN)


def rows(*judged: Judged, adequate: bool = True) -> dict[str, Row]:
    return {row.id: row for row in table(judged, CATALOGUE, adequate=adequate)}


def test_only_judged_clauses_have_rows_in_the_order_of_the_catalogue() -> None:
    assert list(rows(W)) == ["A-HOLDS", "A-WEAK"]


def test_held_promise_has_its_operations_and_exposures() -> None:
    row = rows(W)["A-HOLDS"]
    assert (row.verdict, row.operations, row.exposures, row.workloads) == ("held", 7, 3, ("w",))
    assert (row.document, row.says, row.note) == ("some-page", "It holds.", None)


@pytest.mark.parametrize(
    ("verdict", "adequate", "finding"),
    [
        (GREEN, False, "inconclusive"),
        (Verdict("unknown", statistics=EXERCISED, reasons=("out of time",)), True, "inconclusive"),
        (Verdict(True), True, "inconclusive"),
        (replace(GREEN, valid=False, anomalies=(Anomaly("x", "X.", clause="A-HOLDS"),)), True, "violated"),
        (replace(GREEN, valid=False, anomalies=(Anomaly("x", "X.", clause="A-HOLDS"),)), False, "violated"),
        (replace(GREEN, valid=False, anomalies=(Anomaly("x", "X.", clause="A-OTHER"),)), True, "held"),
    ],
)
def test_promise_that_holds(verdict: Verdict, adequate: bool, finding: str) -> None:
    row = rows(replace(W, verdict=verdict), adequate=adequate)["A-HOLDS"]
    assert row.verdict == finding
    assert (row.note is None) == (finding == "held")


@pytest.mark.parametrize(
    ("verdict", "finding"),
    [
        (GREEN, "weakness not demonstrated"),
        (replace(GREEN, weaknesses=(Anomaly("x", "X.", clause="A-WEAK"),)), "weakness demonstrated"),
        (replace(GREEN, valid=False, anomalies=(Anomaly("x", "X.", clause="A-WEAK"),)), "violated"),
    ],
)
def test_documented_weakness(verdict: Verdict, finding: str) -> None:
    assert rows(replace(W, verdict=verdict))["A-WEAK"].verdict == finding


def test_one_of_two_judges_is_enough_to_break_and_both_are_counted() -> None:
    broken = Verdict(False, (Anomaly("x", "X.", clause="A-HOLDS"),), statistics=EXERCISED)
    row = rows(W, Judged("v", ("A-HOLDS",), History(), broken))["A-HOLDS"]
    assert (row.verdict, row.workloads, row.operations) == ("violated", ("w", "v"), 14)


def test_clause_that_no_document_has_is_an_error() -> None:
    with pytest.raises(ValueError, match="B-NONE"):
        rows(replace(W, clauses=("B-NONE",)))


def test_junit_has_a_case_for_each_clause_and_workload() -> None:
    broken = Verdict(False, (Anomaly("x", "X\x00 <&>.", clause="A-HOLDS"),), statistics=EXERCISED)
    found = tuple(rows(replace(W, verdict=broken)).values())
    suite = ElementTree.fromstring(junit("run", found, {"w": broken}, ["Too short."], 1.5))
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4",
        "failures": "2",
        "errors": "1",
        "skipped": "1",
    }
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "X  <&>."
