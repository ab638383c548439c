"""Oracle: Raft's promises, judged from outside by what all members do.

The five properties of figure 3 in Ongaro & Ousterhout 2014, and linearizability. For the latter it is enough
to count: the state is a prefix of one decided log, so a read is right if its prefix holds all that had been
acknowledged or read before it began, and a write if it comes behind all that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reference.raft import Entry, Raft


class Violation(AssertionError):  # noqa: N818 - the word of the literature
    """A promise is broken. `promise` is its name."""

    def __init__(self, promise: str, sentence: str) -> None:
        super().__init__(f"{promise}: {sentence}")
        self.promise = promise


def digest_after(digest: int, entry: Entry) -> int:
    """The state of the test's state machine: a chain over all entries."""
    return hash((digest, entry.index, entry.term, entry.data)) & 0xFFFFFFFF


@dataclass(slots=True)
class Oracle:
    """What has been decided so far, and by whom."""

    leaders: dict[int, str] = field(default_factory=dict)
    decided: list[Entry] = field(default_factory=list)
    decided_in: list[int] = field(default_factory=list)
    """The term of the member that was the first to commit it."""
    digests: list[int] = field(default_factory=lambda: [0])
    known: int = 0
    """The highest index that some client knows of: acknowledged to it, or read by it."""

    def elected(self, name: str, term: int) -> None:
        """Election safety.

        One leader in a term. One that crashed before its vote was durable has not been one.
        """
        if term in self.leaders:
            raise Violation("election safety", f"{self.leaders[term]} and {name} both led in term {term}")
        self.leaders[term] = name

    def leads(self, member: Raft) -> None:
        """Leader completeness: a new leader has all that was committed in earlier terms."""
        for entry, term in zip(self.decided, self.decided_in, strict=True):
            if term < member.term and not _has(member, entry):
                raise Violation(
                    "leader completeness",
                    f"{member.me}, leader of term {member.term}, lacks {entry.index} of term {entry.term}",
                )

    def committed(self, name: str, entry: Entry, term: int) -> None:
        """State machine safety: everybody applies the same at the same index."""
        if entry.index == len(self.decided) + 1:
            self.decided.append(entry)
            self.decided_in.append(term)
            self.digests.append(digest_after(self.digests[-1], entry))
        elif self.decided[entry.index - 1] != entry:
            raise Violation(
                "state machine safety",
                f"{name} applies {entry}, where {self.decided[entry.index - 1]} was applied before",
            )

    def acknowledged(self, index: int, floor: int) -> None:
        """A write that began when `floor` was known is done."""
        if index <= floor:
            raise Violation(
                "linearizability", f"a write stands at {index}, but {floor} was known before it began"
            )
        self.known = max(self.known, index)

    def read(self, name: str, applied_index: int, floor: int) -> None:
        """A read that began when `floor` was known gets the state after `applied_index`."""
        if applied_index < floor:
            raise Violation(
                "linearizability", f"{name} reads the state at {applied_index}, but {floor} was known before"
            )
        self.known = max(self.known, applied_index)


def _has(member: Raft, entry: Entry) -> bool:
    return entry.index < member.log.base_index or member.log.term(entry.index) == entry.term


def check_logs_match(members: Iterable[Raft]) -> None:
    """Log matching: two logs that have an entry of the same index and term are the same up to there."""
    logs = [(member.me, member.log) for member in members]
    for position, (name, log) in enumerate(logs):
        for other_name, other in logs[position + 1 :]:
            last = min(log.last_index, other.last_index)
            first = max(log.base_index, other.base_index) + 1
            if first > last:
                continue
            pairs = list(zip(log.between(first, last), other.between(first, last), strict=True))
            agreed = [index for index, (one, two) in enumerate(pairs) if one.term == two.term]
            if agreed and any(one != two for one, two in pairs[: agreed[-1]]):
                raise Violation(
                    "log matching", f"the logs of {name} and {other_name} differ before they agree"
                )
