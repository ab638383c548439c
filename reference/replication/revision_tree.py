"""RevisionTree: a Merkle tree of depth one level that finds where two copies of a collection differ.

The axis is the revision number. It is cut into 8^depth equal pieces, and each piece has the number of its
documents and the exclusive-or of their hashes; so the sums do not depend on the order of the documents, and
two copies are compared by sending one small list. Only pieces whose sums differ are looked at more closely:
a resync moves what differs and little else (Merkle, "A digital signature based on a conventional encryption
function", 1987; Dynamo, 2007, section 4.7).

A document's hash covers its stored bytes, hence key, revision and content: two servers whose clocks gave two
documents the same revision are still told apart.

Inner nodes are not kept: with at most 8^6 pieces the list of leaves is the whole message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

BRANCHING = 8
MAX_DEPTH = 6
_DOCUMENTS_PER_PIECE = 8

Piece = tuple[int, int]
"""Hash (64 bits) and number of documents."""


def document_hash(body: bytes) -> int:
    """64 bits that stand for a stored document."""
    return int.from_bytes(hashlib.blake2b(body, digest_size=8).digest(), "big")


@dataclass(frozen=True, slots=True)
class Axis:
    """How revisions are cut into pieces: `pieces` times `width`, from `start`."""

    start: int
    width: int
    depth: int

    @classmethod
    def over(cls, revisions: Iterable[int], count: int) -> Self:
        """An axis that holds `revisions` and has a fitting number of pieces for `count` documents."""
        depth = 0
        while depth < MAX_DEPTH and _pieces(depth) * _DOCUMENTS_PER_PIECE < count:
            depth += 1
        ordered = tuple(revisions)
        start, end = (min(ordered), max(ordered) + 1) if ordered else (0, 1)
        return cls(start, -(-(end - start) // _pieces(depth)), depth)

    @property
    def end(self) -> int:
        """The first revision beyond the axis."""
        return self.start + self.width * self.pieces

    @property
    def pieces(self) -> int:
        """How many pieces there are."""
        return _pieces(self.depth)

    def piece_of(self, revision: int) -> int | None:
        """The number of the piece that holds `revision`; None beyond the axis."""
        return (revision - self.start) // self.width if self.start <= revision < self.end else None

    def bounds(self, piece: int) -> tuple[int, int]:
        """First and last revision of a piece."""
        low = self.start + piece * self.width
        return low, low + self.width - 1


@dataclass(frozen=True, slots=True)
class RevisionTree:
    """The pieces of one collection in one snapshot; those without documents are left out."""

    axis: Axis
    pieces: dict[int, Piece]

    @classmethod
    def build(cls, axis: Axis, documents: Iterable[tuple[int, int]]) -> Self:
        """The tree of (revision, hash) pairs; those beyond the axis do not count."""
        pieces: dict[int, Piece] = {}
        for revision, number in documents:
            piece = axis.piece_of(revision)
            if piece is not None:
                known, count = pieces.get(piece, (0, 0))
                pieces[piece] = (known ^ number, count + 1)
        return cls(axis, pieces)

    def differing(self, other: RevisionTree) -> list[int]:
        """The pieces, in order, whose sums differ; both trees must have the same axis."""
        return [
            piece
            for piece in sorted(self.pieces.keys() | other.pieces.keys())
            if self.pieces.get(piece) != other.pieces.get(piece)
        ]

    def encode(self) -> dict[str, Any]:
        """The answer of `revisions/tree`; revisions here are decimal numbers in strings."""
        total, count = 0, 0
        for number, documents in self.pieces.values():
            total, count = total ^ number, count + documents
        nodes = [self.pieces.get(piece, (0, 0)) for piece in range(self.axis.pieces)]
        return {
            "version": 1,
            "branchingFactor": BRANCHING,
            "maxDepth": self.axis.depth,
            "rangeMin": str(self.axis.start),
            "rangeMax": str(self.axis.end),
            "count": count,
            "hash": str(total),
            "nodes": [{"hash": str(number), "count": documents} for number, documents in nodes],
        }

    @classmethod
    def decode(cls, value: dict[str, Any]) -> Self:
        """The tree that `encode` wrote; raises KeyError, TypeError or ValueError on anything else."""
        start, end, depth = int(value["rangeMin"]), int(value["rangeMax"]), int(value["maxDepth"])
        if not (0 <= depth <= MAX_DEPTH and start < end and len(value["nodes"]) == _pieces(depth)):
            raise ValueError("this is no revision tree")
        nodes = ((int(node["hash"]), int(node["count"])) for node in value["nodes"])
        axis = Axis(start, (end - start) // _pieces(depth), depth)
        return cls(axis, {piece: node for piece, node in enumerate(nodes) if node != (0, 0)})


def _pieces(depth: int) -> int:
    return 1 << 3 * depth  # BRANCHING to the power of depth
