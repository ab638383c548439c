"""Consistency models: which is stronger than which, which anomalies each rules out, and who showed it.

Three relations, each edge with its source:

* `MODELS[m].implies`: what satisfies m satisfies the weaker model too;
* `MODELS[m].forbids`: a history with the anomaly does not satisfy m;
* `ANOMALIES[a]`: a history with a has the other anomaly too.

A history with anomaly a therefore does not satisfy any model that forbids a, or something that a entails, or
that is stronger than such a model. What is left over is what the history may still satisfy.

Sources: Berenson et al. 1995 (A Critique of ANSI SQL Isolation Levels); Adya 1999 (Weak Consistency, thesis);
Daudjee & Salem 2004, 2006 (Lazy Database Replication, with Ordering Guarantees, with Snapshot Isolation);
Bailis et al. 2013 (Highly Available Transactions), 2014 (RAMP); Cerone, Bernardi & Gotsman 2015 (A Framework
for Transactional Consistency Models with Atomic Visibility); Cerone & Gotsman 2018 (Analysing Snapshot
Isolation); Papadimitriou 1979; Kingsbury & Alvaro 2020 (Elle).

Not here: predicates, because nothing that is recorded shows them. And for G-cursor, G-monotonic, G-update and
the start orders of PL-FCV no evidence is looked for: a model that forbids only these beyond a weaker one is
ruled out with the weaker one alone, and otherwise named as what the history *may* satisfy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

_ADYA = "Adya 1999"
_BERENSON = "Berenson et al. 1995"
_CERONE = "Cerone, Bernardi & Gotsman 2015"
_GOTSMAN = "Cerone & Gotsman 2018"
_ELLE = "Kingsbury & Alvaro 2020"
_HAT = "Bailis et al. 2013"
_RAMP = "Bailis et al. 2014"
_LAZY = "Daudjee & Salem 2004"
_LAZY_SI = "Daudjee & Salem 2006"
_DEFINITION = "by definition"

Sources = Mapping[str, str]
"""What a model or an anomaly is related to, and the source of each edge."""


@dataclass(frozen=True, slots=True)
class Consistency:
    """One model: weaker models it implies, anomalies it forbids, and what else it is called."""

    implies: Sources
    forbids: Sources
    also: tuple[str, ...] = ()


_CYCLES = ("G0", "G1c", "G-single-item", "G-nonadjacent-item", "G2-item")


def _with(suffix: str, source: str, *names: str) -> dict[str, str]:
    return {name + suffix: source for name in names}


MODELS: Mapping[str, Consistency] = {
    "read-uncommitted": Consistency(
        {}, {"G0": _ADYA, "duplicate-elements": _ELLE, "garbage-read": _ELLE}, ("PL-1",)
    ),
    "read-committed": Consistency(
        {"read-uncommitted": _ADYA}, {"G1": _ADYA, "dirty-update": _ELLE}, ("PL-2",)
    ),
    "cursor-stability": Consistency({"read-committed": _BERENSON}, {}, ("PL-CS",)),
    "monotonic-view": Consistency({"read-committed": _ADYA}, {}, ("PL-2L",)),
    "monotonic-atomic-view": Consistency({"read-committed": _HAT}, {}),
    "read-atomic": Consistency({"read-committed": _CERONE}, {"internal": _CERONE, "fractured-read": _RAMP}),
    "causal-consistency": Consistency({"read-atomic": _CERONE}, {"G1c-process": _CERONE}),
    "consistent-view": Consistency({"monotonic-view": _ADYA}, {"G-single": _ADYA}, ("PL-2+",)),
    "forward-consistent-view": Consistency({"consistent-view": _ADYA}, {}, ("PL-FCV",)),
    "update-serializable": Consistency({"consistent-view": _ADYA}, {}, ("PL-3U",)),
    "repeatable-read": Consistency(
        {"cursor-stability": _ADYA, "monotonic-atomic-view": _HAT},
        {"G2-item": _ADYA, "internal": _BERENSON},
        ("PL-2.99",),
    ),
    "parallel-snapshot-isolation": Consistency(
        {"read-atomic": _CERONE, "consistent-view": _GOTSMAN}, {"lost-update": _CERONE, "G-single": _GOTSMAN}
    ),
    "prefix-consistency": Consistency({"read-atomic": _CERONE}, {}),
    "snapshot-isolation": Consistency(
        {
            "parallel-snapshot-isolation": _CERONE,
            "prefix-consistency": _CERONE,
            "forward-consistent-view": _ADYA,
            "monotonic-atomic-view": _HAT,
        },
        {"G-nonadjacent": _GOTSMAN, "lost-update": _BERENSON},
        ("PL-SI",),
    ),
    "serializable": Consistency(
        {"snapshot-isolation": _CERONE, "repeatable-read": _ADYA, "update-serializable": _ADYA},
        {"G2": _ADYA},
        ("PL-3",),
    ),
    "strong-session-read-uncommitted": Consistency(
        {"read-uncommitted": _DEFINITION}, _with("-process", _ELLE, "G0")
    ),
    "strong-session-read-committed": Consistency(
        {"read-committed": _DEFINITION, "strong-session-read-uncommitted": _DEFINITION},
        _with("-process", _ELLE, "G1c"),
    ),
    "strong-session-snapshot-isolation": Consistency(
        {
            "snapshot-isolation": _LAZY_SI,
            "causal-consistency": _CERONE,
            "strong-session-read-committed": _DEFINITION,
        },
        _with("-process", _LAZY_SI, "G-single-item", "G-nonadjacent-item"),
    ),
    "strong-session-serializable": Consistency(
        {"serializable": _LAZY, "strong-session-snapshot-isolation": _CERONE},
        _with("-process", _LAZY, "G2-item"),
    ),
    "strong-read-uncommitted": Consistency(
        {"strong-session-read-uncommitted": _DEFINITION}, _with("-realtime", _ELLE, "G0")
    ),
    "strong-read-committed": Consistency(
        {"strong-session-read-committed": _DEFINITION, "strong-read-uncommitted": _DEFINITION},
        _with("-realtime", _ELLE, "G1c"),
    ),
    "strong-snapshot-isolation": Consistency(
        {"strong-session-snapshot-isolation": _LAZY_SI, "strong-read-committed": _DEFINITION},
        _with("-realtime", _LAZY_SI, "G-single-item", "G-nonadjacent-item"),
    ),
    "strict-serializable": Consistency(
        {"strong-session-serializable": _LAZY, "strong-snapshot-isolation": _CERONE},
        _with("-realtime", "Papadimitriou 1979", "G2-item"),
        ("PL-SS", "strong-serializable"),
    ),
}
"""From weak to strong."""


def _anomalies() -> dict[str, dict[str, str]]:
    entails: dict[str, dict[str, str]] = {
        "G1a": {"G1": _ADYA},
        "G1b": {"G1": _ADYA},
        "G0": {"G1c": _ADYA},
        "G1c": {"G1": _ADYA},
        "G1": {},
        "G-single-item": {"G-single": _ADYA, "G2-item": _ADYA},
        "G-nonadjacent-item": {"G-nonadjacent": _GOTSMAN, "G2-item": _ADYA},
        "G2-item": {"G2": _ADYA},
        "G-single": {"G2": _ADYA},
        "G-nonadjacent": {"G2": _ADYA},
        "G2": {},
        "internal": {},
        "future-read": {"internal": _CERONE},
        "garbage-read": {},
        "duplicate-elements": {},
        "incompatible-order": {"G1a": _ELLE},
        "dirty-update": {"G1a": _ELLE},
        "lost-update": {"G-single-item": _ADYA},
        "fractured-read": {"G-single-item": _ADYA},
        "cyclic-versions": {"G1c": _ELLE},
        "cyclic-versions-process": {"G-single-item-process": _ELLE},
        "cyclic-versions-realtime": {"G-single-item-realtime": _ELLE},
    }
    for name in _CYCLES:
        entails[name][f"{name}-process"] = _ELLE
        entails[f"{name}-process"] = {f"{name}-realtime": _ELLE}
        entails[f"{name}-realtime"] = {}
    for suffix in ("-process", "-realtime"):
        entails[f"G0{suffix}"][f"G1c{suffix}"] = _ADYA
        entails[f"G-single-item{suffix}"][f"G2-item{suffix}"] = _ADYA
        entails[f"G-nonadjacent-item{suffix}"][f"G2-item{suffix}"] = _ADYA
    return entails


ANOMALIES: Mapping[str, Sources] = _anomalies()
NAMES = tuple(MODELS)
"""The models' names, from weak to strong."""
ALIASES = {other: name for name, model in MODELS.items() for other in model.also}


@dataclass(frozen=True, slots=True)
class Link:
    """One edge of a proof: "a entails b", "m forbids a", or "m implies n", with its source."""

    subject: str
    verb: str
    object: str
    source: str

    def __str__(self) -> str:
        return f"{self.subject} {self.verb} {self.object} ({self.source})"


@cache
def ruled_out_by(anomaly: str) -> Mapping[str, tuple[Link, ...]]:
    """The models that a history with the anomaly does not satisfy, each with a shortest proof."""
    proofs: dict[str, tuple[Link, ...]] = {}
    entailed = _closure(anomaly, {name: dict(sources) for name, sources in ANOMALIES.items()}, "entails")
    for name, way in sorted(entailed.items(), key=lambda item: len(item[1])):
        for model in NAMES:
            source = MODELS[model].forbids.get(name)
            if source is not None and model not in proofs:
                proofs[model] = (*way, Link(model, "forbids", name, source))
    for model in NAMES:  # From weak to strong, so that what is implied comes first.
        for weaker, source in MODELS[model].implies.items():
            if model not in proofs and weaker in proofs:
                proofs[model] = (*proofs[weaker], Link(model, "implies", weaker, source))
    return proofs


def ruled_out(found: Iterable[Iterable[str]]) -> frozenset[str]:
    """The models that a history does not satisfy that has one at least of each of these sets of anomalies."""
    models: set[str] = set()
    for alternatives in found:
        models |= set.intersection(*(set(ruled_out_by(name)) for name in alternatives))
    return frozenset(models)


def weakest(models: Iterable[str]) -> tuple[str, ...]:
    """Those of the models that imply none of the others."""
    some = set(models)
    return tuple(name for name in NAMES if name in some and not (_implied(name) - {name}) & some)


def strongest(models: Iterable[str]) -> tuple[str, ...]:
    """Those of the models that none of the others implies."""
    some = set(models)
    return tuple(
        name for name in NAMES if name in some and not any(name in _implied(other) for other in some - {name})
    )


def _implied(model: str) -> frozenset[str]:
    return frozenset(_closure(model, {name: dict(some.implies) for name, some in MODELS.items()}, "implies"))


def _closure(start: str, edges: Mapping[str, Mapping[str, str]], verb: str) -> dict[str, tuple[Link, ...]]:
    """Everything that can be reached, with a shortest way."""
    ways: dict[str, tuple[Link, ...]] = {start: ()}
    frontier = [start]
    while frontier:
        frontier = list(_further(frontier, edges, verb, ways))
    return ways


def _further(
    frontier: Iterable[str],
    edges: Mapping[str, Mapping[str, str]],
    verb: str,
    ways: dict[str, tuple[Link, ...]],
) -> Iterator[str]:
    for here in frontier:
        for there, source in edges[here].items():
            if there not in ways:
                ways[there] = (*ways[here], Link(here, verb, there, source))
                yield there
