"""Anomalies in words: what each transaction saw, and why that puts it before or after another.

Transactions are called T1, T2, … in the order in which a sentence needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from checkers.models import text
from checkers.transactions.cycles import Cycle, Step, follows
from checkers.transactions.dependency import PLAIN, PROCESS, Kind
from checkers.transactions.finding import Evidence, Finding
from checkers.transactions.transaction import Mop, Value

_MOST_CHARACTERS = 60


def show(value: Value) -> str:
    """A value as JSON; of a long list the end, which is what matters."""
    if not isinstance(value, tuple):
        return text(value)
    parts = [text(part) for part in value]
    written = f"[{', '.join(parts)}]"
    while len(written) > _MOST_CHARACTERS and len(parts) > 1:
        parts = parts[len(parts) // 2 :]
        written = f"[… {', '.join(parts)}]"
    return written


def name_key(key: Value) -> str:
    """A key as it is spoken of."""
    return key if isinstance(key, str) else text(key)


def of_finding(finding: Finding) -> str:
    """The sentence about an anomaly that is no cycle."""
    return _FINDINGS[finding.name](finding)


def _internal(finding: Finding) -> str:
    value, expected, *whole = finding.values
    read = f"T1 read {show(value)} of {name_key(finding.key)}"
    if whole == [False]:
        return f"{read}, which does not end with {show(expected)} that T1 itself had appended before"
    return f"{read}, although by what it had read and written itself the value was {show(expected)}"


def _future(finding: Finding) -> str:
    value, element = finding.values
    return (
        f"T1 read {show(value)} of {name_key(finding.key)}, but wrote {show(element)} itself only afterwards"
    )


def _garbage(finding: Finding) -> str:
    value, element = finding.values
    return f"T1 read {show(value)} of {name_key(finding.key)}, but nothing ever wrote {show(element)}"


def _aborted(finding: Finding) -> str:
    value, element = finding.values
    return (
        f"T1 read {show(value)} of {name_key(finding.key)}, but T2, which wrote {show(element)}, had failed"
    )


def _intermediate(finding: Finding) -> str:
    value, element = finding.values
    return (
        f"T1 read {show(value)} of {name_key(finding.key)}, but after {show(element)} T2 wrote to it again: "
        "T1 saw an intermediate state"
    )


def _duplicate(finding: Finding) -> str:
    value, element = finding.values
    read = f"T1 read {show(value)} of {name_key(finding.key)}"
    return f"{read}, where {show(element)} stands twice but was appended once"


def _incompatible(finding: Finding) -> str:
    first, second = finding.values
    return (
        f"T1 read {show(first)} of {name_key(finding.key)} and T2 read {show(second)}; neither is the "
        "beginning of the other, so no order of the appends explains both"
    )


def _dirty(finding: Finding) -> str:
    value, aborted, committed = finding.values
    return (
        f"T3 read {show(value)} of {name_key(finding.key)}: T2, which committed, appended {show(committed)} "
        f"on top of {show(aborted)} by T1, which had failed"
    )


def _lost(finding: Finding) -> str:
    return (
        f"T1 and T2 both read {show(finding.values[0])} of {name_key(finding.key)} and both then wrote to it;"
        " whichever wrote last did not know of the other's write"
    )


def _cyclic(finding: Finding) -> str:
    how = {
        "cyclic-versions": "as transactions that read one wrote the other",
        "cyclic-versions-process": "as the transactions of each client followed each other",
        "cyclic-versions-realtime": "as transactions followed each other in time",
    }[finding.name]
    values = ", ".join(show(value) for value in finding.values)
    return (
        f"The values {values} of {name_key(finding.key)} would each have to be older than the others, {how}"
    )


_FINDINGS: Mapping[str, Callable[[Finding], str]] = {
    "internal": _internal,
    "future-read": _future,
    "garbage-read": _garbage,
    "G1a": _aborted,
    "G1b": _intermediate,
    "duplicate-elements": _duplicate,
    "incompatible-order": _incompatible,
    "dirty-update": _dirty,
    "lost-update": _lost,
    "cyclic-versions": _cyclic,
    "cyclic-versions-process": _cyclic,
    "cyclic-versions-realtime": _cyclic,
}


def of_cycle(cycle: Cycle, evidence: Evidence) -> str:
    """The sentence about a cycle: one clause for each edge, and what they come to."""
    names = {step.source: f"T{place}" for place, step in enumerate(cycle.steps, 1)}
    clauses = [_because(step, target, names, evidence) for step, target in follows(cycle)]
    return f"{'; '.join(clauses)}: so each of them came before the others, which no order allows"


def _because(step: Step, target: int, names: Mapping[int, str], evidence: Evidence) -> str:
    before, after = names[step.source], names[target]
    return f"{_reason(step, target, before, after, evidence)}, so {before} came before {after}"


def _reason(step: Step, target: int, before: str, after: str, evidence: Evidence) -> str:
    first, second = evidence.txns[step.source], evidence.txns[target]
    if step.kind is Kind.PROCESS:
        return f"process {first.process} did {before} and then {after}"
    if step.kind is Kind.REALTIME:
        return f"{before} had ended (index {first.end}) when {after} began (index {second.begin})"
    if step.kind is Kind.WR:
        return _wrote_read(step.source, target, before, after, evidence)
    for mop in evidence.txns[step.source].mops:
        for later in second.writes:
            if (
                later.key == mop.key
                and (mop.f == "r") is (step.kind is Kind.RW)
                and mop.value is not later.value
            ):
                words = _followed(mop, later, step.level, (before, after), evidence)
                if words is not None:
                    return words
    raise AssertionError(f"{before} and {after} have no dependency of the kind {step.kind.name}")


def _wrote_read(source: int, target: int, before: str, after: str, evidence: Evidence) -> str:
    """Why the second came after the first: it read what the first wrote."""
    for read in evidence.txns[target].reads:
        for mop in evidence.txns[source].writes:
            if mop.key == read.key:
                key, is_list = name_key(mop.key), mop.f == "append"
                if is_list and read.value and read.value[-1] == mop.value:
                    return (
                        f"{after} read {show(read.value)} of {key}, whose last element {before} had appended"
                    )
                if not is_list and read.value == mop.value:
                    return f"{after} read {show(read.value)} of {key}, which {before} had written"
    raise AssertionError(f"{after} read nothing of {before}")


def _followed(mop: Mop, later: Mop, level: int, names: tuple[str, str], evidence: Evidence) -> str | None:
    """Words for a version that follows the one that was read or written, if it does."""
    return (_list_followed if later.f == "append" else _register_followed)(mop, later, level, names, evidence)


def _list_followed(mop: Mop, later: Mop, _: int, names: tuple[str, str], evidence: Evidence) -> str | None:
    order = evidence.order(mop.key)
    if order is None:
        return None
    before, after = names
    key = name_key(mop.key)
    place = order.index(later.value) if later.value in order else len(order)
    if mop.f == "r":
        did, end = f"{before} read {show(mop.value)} of {key}", len(mop.value)
    elif mop.value in order:
        did, end = f"{before} appended {show(mop.value)} to {key}", order.index(mop.value) + 1
    else:
        return None
    if place < end or not set(order[end:place]) <= evidence.skipped(mop.key):
        return None
    if later.value in order:
        return f"{did}, and {after} appended {show(later.value)} next"
    unseen = f"{after} appended {show(later.value)}, which nobody read"
    return f"{did}, the end of all that was ever read, and {unseen}"


def _register_followed(
    mop: Mop, later: Mop, level: int, names: tuple[str, str], evidence: Evidence
) -> str | None:
    before, after = names
    key = name_key(mop.key)
    did = f"{before} {'read' if mop.f == 'r' else 'wrote'} {show(mop.value)} of {key}"
    if mop.value is None and level == PLAIN:
        return f"{did}, which was there before {after} wrote {show(later.value)}" if mop.f == "r" else None
    for value, shown, other in evidence.later(mop.key, mop.value, level):
        if value != later.value:
            continue
        if level == PLAIN:
            return f"{did}, and {after} read it too before it wrote {show(value)}"
        first, second = evidence.txns[shown].begin, evidence.txns[other].begin
        how = "was by the same client, after" if level == PROCESS else "began after the end of"
        return (
            f"{did}, and {after} wrote {show(value)}, which is later: the transaction of index {second}, "
            f"which met it, {how} that of index {first}, which had met {show(mop.value)}"
        )
    return None


def table(names: Mapping[str, int], evidence: Evidence) -> dict[str, dict[str, object]]:
    """The transactions of a sentence by their names, as plain JSON values."""
    return {
        name: {
            "index": txn.begin,
            "process": txn.process,
            "type": txn.type,
            "value": msgspec.to_builtins(txn.pair.value),
        }
        for name, txn in ((name, evidence.txns[number]) for name, number in names.items())
    }
