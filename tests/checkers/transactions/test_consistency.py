"""The graph of models and anomalies hangs together."""

from __future__ import annotations

from itertools import pairwise

import pytest

from checkers.transactions.consistency import (
    ALIASES,
    ANOMALIES,
    MODELS,
    NAMES,
    ruled_out,
    ruled_out_by,
    strongest,
)
from checkers.transactions.cycles import CLASSES


def test_what_is_implied_stands_before_what_implies_it() -> None:
    """So that one pass from weak to strong suffices, and there is no circle."""
    for name, model in MODELS.items():
        assert all(NAMES.index(weaker) < NAMES.index(name) for weaker in model.implies)


def test_every_name_that_is_used_is_defined() -> None:
    assert {name for some in ANOMALIES.values() for name in some} <= set(ANOMALIES)
    assert {name for model in MODELS.values() for name in model.forbids} <= set(ANOMALIES)
    assert not set(ALIASES) & set(NAMES)


def test_every_edge_has_a_source() -> None:
    edges = [source for some in ANOMALIES.values() for source in some.values()]
    edges += [
        source
        for model in MODELS.values()
        for some in (model.implies, model.forbids)
        for source in some.values()
    ]
    assert all(source == "by definition" or source[-4:].isdigit() for source in edges)


@pytest.mark.parametrize("anomaly", ANOMALIES)
def test_every_anomaly_rules_out_the_strongest_model(anomaly: str) -> None:
    assert "strict-serializable" in ruled_out_by(anomaly)


@pytest.mark.parametrize("suffix", ["", "-process", "-realtime"])
def test_a_class_that_proves_more_rules_out_no_less(suffix: str) -> None:
    """The search skips a class where one above it was found, which is right only if this holds."""
    names = [wanted.name + suffix for wanted in CLASSES]
    for more, less in pairwise(names):
        assert ruled_out_by(less).keys() <= ruled_out_by(more).keys(), (more, less)


@pytest.mark.parametrize("wanted", CLASSES)
def test_a_cycle_that_needs_less_rules_out_no_less(wanted: object) -> None:
    name = getattr(wanted, "name", "")
    assert ruled_out_by(f"{name}-process").keys() <= ruled_out_by(name).keys()
    assert ruled_out_by(f"{name}-realtime").keys() <= ruled_out_by(f"{name}-process").keys()


def test_what_is_ruled_out_is_closed_upwards() -> None:
    for anomaly in ANOMALIES:
        out = ruled_out([[anomaly]])
        assert all(name in out for name, model in MODELS.items() if set(model.implies) & out)


def test_of_alternatives_only_what_all_rule_out() -> None:
    assert "read-uncommitted" in ruled_out([["G0"]])
    assert "read-uncommitted" not in ruled_out([["G0", "G1a"]])
    assert strongest(NAMES) == ("strict-serializable",)
