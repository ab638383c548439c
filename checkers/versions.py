"""Versions: every write names the revision that it replaces, so a document's versions form one chain.

That makes the classical anomalies visible without any search (Adya 1999; Berenson et al. 1995): two writes
that replaced one version are a lost update, a version that is missing though it was acknowledged or read
before is lost, and a snapshot that shows a part of a transaction is fractured. Operations, `ok` values:

    read    {"by": "batch" | "transaction", "documents": {document: [revision, number] | null}}, and perhaps
            "again", the same of some documents, read later in the same transaction
    write   {"by": "single" | "batch" | "transaction", "number": n, "expects": {document: revision},
            "revisions": {document: revision}}; a batch may have been refused in part, a transaction never
    upsert  {"number": n, "documents": [...], "revisions": {document: revision}}: replaces whatever there is
    abort   {"number": n, "documents": [...]}: written in a transaction that nobody commits

A number is written once, and null before the first write. A document is named "collection/key". It is either
only ever replaced by `write`, or by `upsert`, of which only revisions and numbers are judged.

Not here: whether replicas agree (`checkers.convergence`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from checkers.budget import Budget, LimitReachedError
from checkers.history import History, Pair
from checkers.numbered_writes import end, merged
from checkers.verdict import Anomaly, Limits, Verdict

_MOST_ANOMALIES = 8
"""So many of each name are told; all are counted."""
_VERSION_BYTES = 200


@dataclass(frozen=True, slots=True)
class Versions:
    """The checker. `durable` says that writes were asked to be on disk: only then is it an anomaly, and not
    a weakness, if what was acknowledged or read is gone (`lost-write`, `stale-read`) or was replaced twice
    (`lost-update`).

    Always anomalies: `fractured-read`, `non-repeatable-read`, `aborted-read`, `phantom`, `reused-revision`.
    """

    durable: bool = True

    def check(self, history: History, limits: Limits) -> Verdict:
        """Judge all operations; unknown if no read succeeded, or a limit was reached."""
        budget = Budget(limits)
        try:
            chains = Chains.of(history, budget)
            losses = [*_updates(chains), *_staleness(chains)]
            others = [*_fractures(chains), *_repeats(chains), *_strangers(chains), *_reuse(chains)]
            budget.check_time()
        except LimitReachedError as reached:
            return Verdict("unknown", reasons=(str(reached),))
        anomalies = [*others, *(losses if self.durable else ())]
        names = [anomaly.name for anomaly in (*losses, *others)]
        return Verdict(
            valid=False if anomalies else True if chains.reads else "unknown",
            anomalies=tuple(_some(anomalies)),
            weaknesses=() if self.durable else tuple(_some(losses)),
            statistics={
                "reads": len(chains.reads),
                "versions": len(chains.depths),
                "transactions": sum(1 for w in chains.writes if w.is_whole and chains.is_done(w)),
                "anomalies": {name: names.count(name) for name in sorted(dict.fromkeys(names))},
            },
            reasons=() if anomalies or chains.reads else ("no read succeeded",),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """A `write` that may have taken effect. `revisions` are known if it was answered."""

    pair: Pair
    number: int
    expects: Mapping[str, str]
    revisions: Mapping[str, str]

    @property
    def is_whole(self) -> bool:
        """Whether all of it takes effect or nothing."""
        return bool(self.pair.invoke.value["by"] == "transaction")


@dataclass(frozen=True, slots=True)
class Chains:
    """What the history says of versions.

    `depths` is how many versions came before one, by document and revision; `shown` are the revisions under
    which reads showed a number of a document.
    """

    writes: list[Write]
    reads: list[Pair]
    others: list[Pair]
    numbers: dict[int, Pair] = field(default_factory=dict)
    depths: dict[tuple[str, str], int] = field(default_factory=dict)
    shown: dict[tuple[str, int], tuple[str, Pair]] = field(default_factory=dict)
    seen: dict[int, Pair] = field(default_factory=dict)

    @staticmethod
    def of(history: History, budget: Budget) -> Chains:
        """Of a whole history."""
        pairs = history.pairs
        chains = Chains(
            [_write(pair) for pair in pairs if pair.f == "write" and pair.type != "fail"],
            [pair for pair in pairs if pair.f == "read" and pair.type == "ok"],
            [pair for pair in pairs if pair.f == "upsert"],
        )
        for pair in pairs:
            if pair.f in ("write", "upsert", "abort"):
                chains.numbers[pair.invoke.value["number"]] = pair
        for read in chains.reads:
            budget.check_time()
            for document, (revision, number) in versions(read):
                if number is None:
                    chains.depths.setdefault((document, revision), 0)
                else:
                    chains.shown.setdefault((document, number), (revision, read))
                    chains.seen.setdefault(number, read)
        for write in chains.writes:
            budget.charge(_VERSION_BYTES * len(write.expects))
            chains._add(write)
        return chains

    def _add(self, write: Write) -> None:
        """Writes come in the order of their invocations: what one replaces was known before it began."""
        for document, expected in write.expects.items():
            depth = self.depths.setdefault((document, expected), 0) + 1
            revision = write.revisions.get(document)
            if revision is None and (document, write.number) in self.shown:
                revision = self.shown[document, write.number][0]
            if revision is not None:
                self.depths.setdefault((document, revision), depth)

    def is_done(self, write: Write, document: str | None = None) -> bool:
        """Whether it certainly took effect, on a document or at all."""
        if document is None or write.is_whole:
            return write.pair.type == "ok" or write.number in self.seen
        return document in write.revisions or (document, write.number) in self.shown

    def depth(self, document: str, version: Sequence[Any] | None) -> int | None:
        """Of what a read showed; below all versions where there is nothing, None if that is unknown."""
        return -1 if version is None else self.depths.get((document, version[0]))


def versions(read: Pair) -> Iterator[tuple[str, Sequence[Any]]]:
    """The documents that a read found, each with its revision and number."""
    for found in (read.value["documents"], read.value.get("again", {})):
        yield from ((document, version) for document, version in found.items() if version is not None)


def _write(pair: Pair) -> Write:
    asked = pair.invoke.value
    known = pair.value["revisions"] if pair.type == "ok" else {}
    expects = asked["expects"]
    if pair.type == "ok":
        expects = {document: expects[document] for document in known}
    return Write(pair, asked["number"], expects, known)


def _updates(chains: Chains) -> Iterator[Anomaly]:
    """Two writes that replaced one and the same version."""
    replaced: dict[tuple[str, str], Write] = {}
    for write in chains.writes:
        for document, expected in write.expects.items():
            if not chains.is_done(write, document):
                continue
            first = replaced.setdefault((document, expected), write)
            if first is not write:
                yield Anomaly(
                    name="lost-update",
                    sentence=f"numbers {first.number} and {write.number} both replaced revision {expected} "
                    f"of {document}: one does not know of the other",
                    operations=merged(*first.pair.ops, *write.pair.ops),
                    details={"document": document},
                )


def _staleness(chains: Chains) -> Iterator[Anomaly]:
    """Reads that show an older version than one that was acknowledged, or read, before they began."""
    evidence = sorted(_evidence(chains), key=lambda known: known[0])
    floors: dict[str, tuple[int, str, Pair]] = {}
    alive = _last_lines(chains)
    position = 0
    for read in chains.reads:
        while position < len(evidence) and evidence[position][0] < read.invoke.index:
            _, document, depth, revision, pair = evidence[position]
            if document not in floors or floors[document][0] < depth:
                floors[document] = depth, revision, pair
            position += 1
        for document, version in read.value["documents"].items():
            shown, floor = chains.depth(document, version), floors.get(document)
            if floor is None or shown is None or shown >= floor[0]:
                continue
            is_lost = alive.get((document, floor[1]), -1) < read.invoke.index
            yield Anomaly(
                name="lost-write" if is_lost else "stale-read",
                sentence=f"a read shows {document} {_told(version)}, though a later version had been "
                f"{'read' if floor[2].f == 'read' else 'acknowledged'} before",
                operations=merged(*floor[2].ops, *read.ops),
                details={"document": document},
            )


def _last_lines(chains: Chains) -> dict[tuple[str, str], float]:
    """By version, the last line on which a read that shows it began; for ever if it was then replaced."""
    lines: dict[tuple[str, str], float] = {}
    for read in chains.reads:
        lines |= {(document, version[0]): read.invoke.index for document, version in versions(read)}
    for write in chains.writes:
        replaced = {each: inf for each in write.expects.items() if chains.is_done(write, each[0])}
        lines |= replaced
    return lines


def _evidence(chains: Chains) -> Iterator[tuple[int, str, int, str, Pair]]:
    """From which line on a version is known to be there."""
    for write in chains.writes:
        for document, revision in write.revisions.items():
            yield end(write.pair), document, chains.depths[document, revision], revision, write.pair
    for read in chains.reads:
        for document, version in versions(read):
            depth = chains.depth(document, version)
            if depth is not None:
                yield end(read), document, depth, version[0], read


def _fractures(chains: Chains) -> Iterator[Anomaly]:
    """Snapshots that show one document of a transaction as it left it, and another as it found it."""
    by_document: dict[str, list[Write]] = {}
    for write in chains.writes:
        if write.is_whole and chains.is_done(write):
            for document in write.expects:
                by_document.setdefault(document, []).append(write)
    for read in chains.reads:
        if read.invoke.value["by"] != "transaction":
            continue
        found = read.value["documents"]
        depths = {document: chains.depth(document, version) for document, version in found.items()}
        met = dict.fromkeys(write for document in found for write in by_document.get(document, ()))
        for write in met:
            sides = [_has(chains, write, document, depths) for document in write.expects]
            if True in sides and False in sides:
                old = list(write.expects)[sides.index(False)]
                yield Anomaly(
                    name="fractured-read",
                    sentence=f"a snapshot shows {list(write.expects)[sides.index(True)]} with or after "
                    f"number {write.number}, and {old} before it, though one transaction wrote both",
                    operations=merged(*write.pair.ops, *read.ops),
                )


def _has(chains: Chains, write: Write, document: str, depths: Mapping[str, int | None]) -> bool | None:
    """Whether a snapshot shows the document as the transaction left it, or later; None if nobody can say."""
    depth = depths.get(document)
    return None if depth is None else depth > chains.depths[document, write.expects[document]]


def _repeats(chains: Chains) -> Iterator[Anomaly]:
    """Transactions that read one document twice and found two versions."""
    for read in chains.reads:
        first = read.value["documents"]
        for document, version in read.value.get("again", {}).items():
            if first[document] != version:
                yield Anomaly(
                    name="non-repeatable-read",
                    sentence=f"one transaction shows {document} {_told(first[document])} and then "
                    f"{_told(version)}",
                    operations=read.ops,
                )


def _strangers(chains: Chains) -> Iterator[Anomaly]:
    """Numbers that were read though nobody wrote them there, or whose write had failed or was aborted."""
    for (document, number), (_, read) in chains.shown.items():
        writer = chains.numbers.get(number)
        if writer is not None and writer.f == "abort":
            why, name = "of a transaction that was never committed", "aborted-read"
        elif writer is None or document not in _targets(writer) or writer.invoke.index > end(read):
            why, name = "that nobody had written there", "phantom"
        elif writer.type == "fail" or (writer.f == "write" and document not in _write(writer).expects):
            why, name = "though its write had failed", "phantom"
        else:
            continue
        yield Anomaly(
            name=name,
            sentence=f"a read shows {document} with number {number}, {why}",
            operations=merged(*(() if writer is None else writer.ops), *read.ops),
        )


def _targets(writer: Pair) -> Sequence[str]:
    asked = writer.invoke.value
    return list(asked["documents" if writer.f == "upsert" else "expects"])


def _reuse(chains: Chains) -> Iterator[Anomaly]:
    """Revisions that stand for two versions of a collection: `If-Match` cannot tell them apart."""
    first: dict[tuple[str, str], tuple[str, int | None, Pair]] = {}
    told: dict[tuple[str, str], None] = {}
    for document, revision, number, pair in _named(chains):
        name = (document.partition("/")[0], revision)
        known = first.setdefault(name, (document, number, pair))
        if known[:2] != (document, number) and name not in told:
            told[name] = None
            yield Anomaly(
                name="reused-revision",
                sentence=f"revision {revision} is of {known[0]} with number {known[1]}, "
                f"and of {document} with number {number}",
                operations=merged(*known[2].ops, *pair.ops),
            )


def _named(chains: Chains) -> Iterator[tuple[str, str, int | None, Pair]]:
    for write in chains.writes:
        for document, revision in write.revisions.items():
            yield document, revision, write.number, write.pair
    for pair in chains.others:
        for document, revision in pair.value.get("revisions", {}).items():
            yield document, revision, pair.value["number"], pair
    for read in chains.reads:
        for document, (revision, number) in versions(read):
            yield document, revision, number, read


def _told(version: Sequence[Any] | None) -> str:
    return "not at all" if version is None else f"with number {version[1]}"


def _some(anomalies: Sequence[Anomaly]) -> Iterator[Anomaly]:
    told: dict[str, int] = {}
    for anomaly in anomalies:
        told[anomaly.name] = told.get(anomaly.name, 0) + 1
        if told[anomaly.name] <= _MOST_ANOMALIES:
            yield anomaly
