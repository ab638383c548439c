"""The leader's side of an incremental sync: a tree of sums, then revisions of pieces, then documents.

All three are answered from the snapshot of one batch, so they speak about the same moment.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

from reference.replication.revision_tree import Axis, RevisionTree, document_hash
from reference.storage.collection import Collection
from reference.storage.revision import encode_revision
from reference.storage.snapshot import Snapshot
from reference.world import Clock

_PAUSE_EVERY = 2_000  # documents between two turns for other requests
MAX_REVISIONS = 100_000
MAX_DOCUMENTS = 5_000


class RevisionIndex:
    """The documents of one collection in one snapshot, in the order of their revisions."""

    def __init__(self, entries: list[tuple[int, str, int]]) -> None:
        """`entries` are (revision, key, hash)."""
        self._entries = sorted(entries)

    @classmethod
    async def build(cls, snapshot: Snapshot, collection: Collection, clock: Clock) -> RevisionIndex:
        """Read the collection once; other requests have their turn meanwhile."""
        entries: list[tuple[int, str, int]] = []
        for document in snapshot.documents(collection):
            entries.append((document.revision, document.key, document_hash(document.body)))
            if len(entries) % _PAUSE_EVERY == 0:
                await clock.sleep(0)
        return cls(entries)

    def axis(self) -> Axis:
        """An axis on which every document of this copy lies."""
        ends = (self._entries[0][0], self._entries[-1][0]) if self._entries else ()
        return Axis.over(ends, len(self._entries))

    def tree(self, axis: Axis) -> RevisionTree:
        """The sums of this copy."""
        return RevisionTree.build(axis, ((revision, number) for revision, _, number in self._entries))

    def between(self, low: int, high: int) -> Sequence[tuple[int, str, int]]:
        """(revision, key, hash) of the documents with `low` <= revision <= `high`."""
        return self._entries[self._first(low) : self._first(high + 1)]

    def outside(self, low: int, end: int) -> Sequence[tuple[int, str, int]]:
        """Likewise of those below `low` or from `end` on."""
        return self._entries[: self._first(low)] + self._entries[self._first(end) :]

    def keys(self, revision: int) -> list[str]:
        """The keys with this revision: one, unless two servers' clocks once agreed."""
        return [key for _, key, _ in self.between(revision, revision)]

    def _first(self, revision: int) -> int:
        return bisect_left(self._entries, (revision, "", 0))


def ranges(index: RevisionIndex, asked: Iterable[tuple[int, int]], resume: int) -> dict[str, Any]:
    """The answer of `revisions/ranges`: the revisions of each range from `resume` on.

    `resume` is in the answer if there is more than fits: ask again, with it, for the same ranges.
    """
    answer: list[list[str]] = []
    room = MAX_REVISIONS
    for low, high in asked:
        found = index.between(max(low, resume), high)
        cut = _cut(found, room)
        answer.append([encode_revision(revision) for revision, _, _ in found[:cut]])
        room -= cut
        if cut < len(found):
            return {"ranges": answer, "resume": encode_revision(found[cut][0])}
    return {"ranges": answer}


def _cut(found: Sequence[tuple[int, str, int]], room: int) -> int:
    """How many of `found` to send: about `room`, and never only a part of the documents of one revision."""
    if room <= 0:
        return 0
    if len(found) <= room:
        return len(found)
    return bisect_right(found, found[room - 1][0], key=lambda entry: entry[0])


def documents(
    snapshot: Snapshot, collection: Collection, index: RevisionIndex, asked: Iterable[int]
) -> bytes:
    """The answer of `revisions/documents`: a JSON array, `{}` where there is no such revision."""
    bodies: list[bytes] = []
    for revision in asked:
        found = [document for key in index.keys(revision) if (document := snapshot.get(collection, key))]
        bodies += [document.body for document in found] or [b"{}"]
        if len(bodies) >= MAX_DOCUMENTS:
            break
    return b"[" + b",".join(bodies) + b"]"
