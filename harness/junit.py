"""junit.xml: a clause is a test case, so that continuous integration shows promises where it shows tests.

A violated clause is a failure, an inconclusive one an error, a weakness that was not demonstrated is skipped.
Each workload is a case as well, because it may break a promise that no clause states. Written, never read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from checkers.verdict import Verdict
from harness.clauses import Row

_TAGS = {
    "violated": "failure",
    "invalid": "failure",
    "inconclusive": "error",
    "unknown": "error",
    "weakness not demonstrated": "skipped",
}


def junit(
    title: str,
    rows: Iterable[Row],
    verdicts: Mapping[str, Verdict],
    reasons: Iterable[str],
    duration_s: float,
) -> str:
    """The whole file. `reasons` say why the run as a whole is inconclusive, none if it is not."""
    suite = Element("testsuite", name=title, time=f"{duration_s:.3f}")
    for row in rows:
        _case(suite, row.document, f"{row.id}: {row.says}", row.verdict, row.note or row.verdict)
    for name, verdict in verdicts.items():
        said = (*(anomaly.sentence for anomaly in verdict.anomalies), *verdict.reasons)
        _case(suite, "workload", name, verdict.word, " ".join(said) or verdict.word)
    reasons = tuple(reasons)
    _case(suite, "run", "adequacy", "unknown" if reasons else "valid", " ".join(reasons))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite)))
    indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suite, encoding="unicode") + "\n"


def _case(suite: Element, group: str, name: str, verdict: str, message: str) -> None:
    case = SubElement(suite, "testcase", classname=group, name=_printable(name))
    if verdict in _TAGS:
        SubElement(case, _TAGS[verdict], message=_printable(message))


def _printable(text: str) -> str:
    """XML has no way to write control characters, not even escaped."""
    return "".join(character if character.isprintable() else " " for character in text)
