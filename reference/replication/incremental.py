"""Incremental sync of one collection: move only what differs.

1. Take the leader's tree of sums, and build our own over the same axis. Equal sums: nothing to do.
2. In the pieces that differ, ask for the leader's revisions. Those that we do not have are fetched.
3. What we have in those pieces, or beyond the axis, and the leader has not, is removed.
4. Sums that still differ are of documents with equal revisions and unequal content, which two servers' clocks
   can bring about. Those pieces are fetched whole.

The number of documents moved is the number of documents that differ, but for step 4.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec

from reference.replication.entries import checked_document
from reference.replication.leader import Leader, sense
from reference.replication.refill import Refill
from reference.replication.revision_tree import RevisionTree
from reference.replication.revisions import MAX_DOCUMENTS, RevisionIndex
from reference.storage.collection import Collection
from reference.storage.revision import decode_revision, encode_revision

_decode = msgspec.json.Decoder().decode
_PATH = "/_api/replication/revisions/"
_FETCH = MAX_DOCUMENTS // 5
_RANGES = 1_000


async def refill_differing(
    leader: Leader,
    query: dict[str, Any],
    refill: Refill,
    collection: Collection,
    after_request: Callable[[], Awaitable[None]],
) -> None:
    """Make `collection` equal to the leader's; `query` names collection and batch. Raises ArangoError."""
    copying = _Copying(leader, query, refill, collection, after_request)
    theirs = await copying.leader_tree()
    ours = await copying.index()
    differing = ours.tree(theirs.axis).differing(theirs)
    beyond = ours.outside(theirs.axis.start, theirs.axis.end)
    if not differing and not beyond:
        return
    await copying.by_revision(theirs, ours, differing, [key for _, key, _ in beyond])
    ours = await copying.index()
    stubborn = ours.tree(theirs.axis).differing(theirs)
    await copying.whole(theirs, ours, stubborn)


class _Copying:
    """The conversation about one collection."""

    def __init__(
        self,
        leader: Leader,
        query: dict[str, Any],
        refill: Refill,
        collection: Collection,
        after_request: Callable[[], Awaitable[None]],
    ) -> None:
        self._leader = leader
        self._query = query
        self._refill = refill
        self._collection = collection
        self._after_request = after_request

    async def leader_tree(self) -> RevisionTree:
        """The leader's sums."""
        answer = await self._leader.json(_PATH + "tree", self._query)
        with sense(self._leader.endpoint, "the revision tree"):
            return RevisionTree.decode(answer)

    async def index(self) -> RevisionIndex:
        """Our documents now."""
        engine = self._refill.engine
        snapshot = await engine.snapshot()
        try:
            return await RevisionIndex.build(snapshot, self._collection, engine.world.clock)
        finally:
            snapshot.release()

    async def by_revision(
        self, theirs: RevisionTree, ours: RevisionIndex, pieces: Sequence[int], superfluous: Sequence[str]
    ) -> None:
        """Fetch the revisions of `pieces` that we lack, and remove those that only we have."""
        ours_only = list(superfluous)
        fetched: dict[str, None] = {}
        for start in range(0, len(pieces), _RANGES):
            bounds = [theirs.axis.bounds(piece) for piece in pieces[start : start + _RANGES]]
            known = {rev: key for low, high in bounds for rev, key, _ in ours.between(low, high)}
            missing = [rev async for rev in self._revisions(bounds) if known.pop(rev, None) is None]
            ours_only += known.values()
            fetched |= dict.fromkeys(await self._fetch(missing))
        await self._refill.remove(self._collection, [key for key in ours_only if key not in fetched])

    async def whole(self, theirs: RevisionTree, ours: RevisionIndex, pieces: Sequence[int]) -> None:
        """Fetch all documents of `pieces`, and remove all others there."""
        for piece in pieces:
            low, high = theirs.axis.bounds(piece)
            revisions = dict.fromkeys([revision async for revision in self._revisions([(low, high)])])
            fetched = dict.fromkeys(await self._fetch(list(revisions)))
            others = [key for _, key, _ in ours.between(low, high) if key not in fetched]
            await self._refill.remove(self._collection, others)

    async def _revisions(self, bounds: Sequence[tuple[int, int]]) -> AsyncIterator[int]:
        """The leader's revisions within `bounds`."""
        body = [[encode_revision(low), encode_revision(high)] for low, high in bounds]
        resume: dict[str, str] = {}
        while True:
            response = await self._leader.put(_PATH + "ranges", {**self._query, **resume}, body)
            with sense(self._leader.endpoint, "the revisions"):
                answer = _decode(response.body)
                found = [_revision(text) for texts in answer["ranges"] for text in texts]
            await self._after_request()
            for revision in found:
                yield revision
            if "resume" not in answer:
                return
            resume = {"resume": answer["resume"]}

    async def _fetch(self, revisions: Sequence[int]) -> list[str]:
        """Fetch and store documents by their revisions; the keys that came."""
        keys: list[str] = []
        for start in range(0, len(revisions), _FETCH):
            asked = [encode_revision(revision) for revision in revisions[start : start + _FETCH]]
            response = await self._leader.put(_PATH + "documents", self._query, asked)
            with sense(self._leader.endpoint, "the documents"):
                found = [checked_document(value) for value in _decode(response.body) if value]
                keys += [document["_key"] for document in found]
            await self._refill.put(self._collection, found)
            await self._after_request()
        return keys


def _revision(text: str) -> int:
    revision = decode_revision(text)
    if revision is None:
        raise ValueError(f"'{text}' is no revision")
    return revision
