"""Availability and statistics: figures that can be worked out by hand."""

from __future__ import annotations

import pytest

from checkers.availability import Availability
from checkers.history import History, Op
from checkers.statistics import Statistics, quantiles_ms
from checkers.verdict import Checker, Limits
from tests.checkers.histories import history

RUN = history(
    "0 invoke read",  # 0 ms
    "0 ok read 1",
    "nemesis invoke start-kill",
    "nemesis info start-kill",
    "0 invoke write 1",
    "1 invoke read",  # 5 ms
    "1 fail read",
    "0 info write 1",
    "nemesis invoke stop-kill",
    "nemesis info stop-kill",
    "2 invoke read",  # 10 ms
    "3 invoke write 5",
    "2 ok read 1",
)


def test_availability_inside_and_outside_of_faults() -> None:
    verdict = Availability().check(RUN, Limits())
    assert verdict.valid is True
    assert verdict.statistics == {
        "operations": 5,
        "ratio": 0.4,
        "ratio_inside_faults": 0.0,
        "ratio_outside_faults": 2 / 3,
        "by_fault": {"kill": 0.0},
        "longest_gap_ms": 11.0,
    }


def test_availability_without_faults_or_times() -> None:
    whole = History([Op(0, -1, 0, "invoke", "read"), Op(1, -1, 0, "ok", "read")])
    assert Availability().check(whole, Limits()).statistics == {
        "operations": 1,
        "ratio": 1.0,
        "ratio_inside_faults": None,
        "ratio_outside_faults": 1.0,
        "by_fault": {},
    }


def test_a_database_that_never_answers_is_unknown_and_not_wrong() -> None:
    for whole in (history("0 invoke read", "0 fail read"), History()):
        verdict = Availability().check(whole, Limits())
        assert (verdict.valid, verdict.reasons) == ("unknown", ("no operation ended with ok",))


def test_statistics_count_and_measure() -> None:
    statistics = Statistics().check(RUN, Limits()).statistics
    assert {name: statistics[name] for name in ("operations", "ok", "fail", "info", "processes")} == {
        "operations": 5,
        "ok": 2,
        "fail": 1,
        "info": 2,
        "processes": 4,
    }
    assert statistics["duration_s"] == 0.012
    assert statistics["rate_per_s"] == pytest.approx(3 / 0.012)
    assert statistics["latency_ms"] == {"p50": 1.0, "p95": 2.0, "p99": 2.0, "max": 2.0}
    assert statistics["by_f"]["write"] == {"operations": 2, "ok": 0, "fail": 0, "info": 2, "latency_ms": {}}


def test_statistics_without_times_only_count() -> None:
    whole = History([Op(0, -1, 0, "invoke", "read"), Op(1, -1, 0, "ok", "read")])
    statistics = Statistics().check(whole, Limits()).statistics
    assert "rate_per_s" not in statistics
    assert statistics["by_f"] == {"read": {"operations": 1, "ok": 1, "fail": 0, "info": 0}}


def test_statistics_of_nothing_are_unknown() -> None:
    assert Statistics().check(History(), Limits()).valid == "unknown"


def test_quantiles_are_latencies_that_somebody_had() -> None:
    assert quantiles_ms([n * 1_000_000 for n in range(100, 0, -1)]) == {
        "p50": 50.0,
        "p95": 95.0,
        "p99": 99.0,
        "max": 100.0,
    }
    assert quantiles_ms([]) == {}


@pytest.mark.parametrize("checker", [Availability(), Statistics()])
@pytest.mark.parametrize("limits", [Limits(time_s=0), Limits(memory_bytes=0)])
def test_limits_are_kept(checker: Checker, limits: Limits) -> None:
    verdict = checker.check(RUN, limits)
    assert verdict.valid == "unknown"
    assert "limit" in verdict.reasons[0]
