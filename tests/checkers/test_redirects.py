"""What a leader may say of its own answers: histories of probes and looks at the agency, written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.history import History, Op
from checkers.redirects import Redirects
from checkers.verdict import Limits


class Scene:
    """Operations one after the other, each with an answer; one millisecond a line."""

    def __init__(self) -> None:
        self._ops: list[Op] = []

    def done(self, f: str, asked: Any, answer: Any, node: str | None = None) -> None:
        for kind, value in (("invoke", asked), ("ok", answer)):
            line = len(self._ops)
            self._ops.append(
                Op(index=line, time=line * 1_000_000, process=0, type=kind, f=f, value=value, node=node)  # type: ignore[arg-type]
            )

    def look(self, leader: str) -> None:
        self.done("observe", None, {"leader": leader, "health": {}})

    def probe(
        self, node: str, kind: str, *, dirty: bool = False, number: int = 0, marked: bool = False
    ) -> None:
        asked = {"server": 0, "kind": kind, "dirty": dirty, "number": 1}
        refused = {"status": 503, "number": number, "endpoint": "http://n1", "leader": "n1", "marked": True}
        taken = {"status": 200, "number": None, "endpoint": None, "leader": None, "marked": marked}
        self.done("probe", asked, {**asked, **(refused if number else taken)}, node)

    def reads_of_the_leader(self, *marks: bool) -> None:
        for marked in marks:
            self.probe("n1", "write")
            self.look("n1")
            self.probe("n1", "read", dirty=True, marked=marked)
            self.look("n1")
            self.probe("n1", "write")

    def anomalies(self) -> list[str]:
        self.look("n1")
        self.probe("n2", "write", number=1496)
        self.look("n1")
        self.probe("n2", "write", number=1496)
        self.look("n1")
        verdict = Redirects().check(History(self._ops), Limits())
        assert verdict.valid is not (verdict.anomalies != ())
        return [anomaly.name for anomaly in verdict.anomalies]


@pytest.mark.parametrize(
    "marks",
    [
        pytest.param([False] * 8, id="never"),
        pytest.param([False] * 8 + [True] + [False] * 4, id="at one moment without a lease"),
        pytest.param([True] * 5, id="few answers in all"),
        pytest.param([True, False] * 8, id="every other time"),
    ],
)
def test_a_leader_that_marks_now_and_then_may_have_led_no_more_at_that_moment(marks: list[bool]) -> None:
    scene = Scene()
    scene.look("n1")
    scene.reads_of_the_leader(*marks)
    assert scene.anomalies() == []


@pytest.mark.parametrize("unmarked", [0, 3])
def test_a_leader_that_marks_nearly_everything_is_told(unmarked: int) -> None:
    scene = Scene()
    scene.look("n1")
    scene.reads_of_the_leader(*[True] * 8, *[False] * unmarked)
    assert scene.anomalies() == ["marked-leader-read"] * 8
