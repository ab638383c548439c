"""Inventory and dump: what a batch's snapshot holds, collections first, then their documents in pieces."""

from __future__ import annotations

from typing import Any

from reference.errors import ArangoError
from reference.replication.batches import Batch, Piece, Position
from reference.replication.scope import Wanted, never_leaves
from reference.storage.collection import Collection
from reference.storage.snapshot import CollectionView

DEFAULT_DUMP_BYTES = 128 << 10
MAX_DUMP_BYTES = 128 << 20


def collections(batch: Batch, database_id: int, wanted: Wanted) -> list[dict[str, Any]]:
    """The member `collections`: documents before edges, system collections first, then by name."""
    views = [view for view in batch.snapshot.collections(database_id) if view.definition["name"] in wanted]
    return [_described(view) for view in sorted(views, key=_order)]


def _order(view: CollectionView) -> tuple[int, bool, str]:
    name: str = view.definition["name"]
    return view.collection.kind, not name.startswith("_"), name


def _described(view: CollectionView) -> dict[str, Any]:
    number = str(view.collection.id)
    parameters = {
        "cid": number,
        "planId": number,
        "version": 8,
        "deleted": False,
        "allowUserKeys": view.definition.get("keyOptions", {}).get("allowUserKeys", True),
        **view.definition,
    }
    return {"parameters": parameters, "indexes": list(view.indexes)}


def leaving(batch: Batch, database_id: int, name: str) -> Collection:
    """A collection of the snapshot by name or id; raises ArangoError 1203, or 11 if it stays here."""
    view = batch.view(database_id, name)
    if never_leaves(view.definition["name"]):
        raise ArangoError(11, f"collection {view.definition['name']} is never replicated")
    return view.collection


def dump(
    batch: Batch, database_id: int, name: str, chunk_bytes: int, *, envelope: bool, number: int = 0
) -> Piece:
    """The next documents of a collection; raises like `leaving`.

    `number` is that of the piece, from 1: the last one can be asked for again. Raises ArangoError 10 for any
    other; 0 asks for the next, whatever its number.
    """
    position = batch.position(leaving(batch, database_id, name))
    if number and number == position.number and position.last is not None:
        return position.last
    if number not in (0, position.number + 1):
        raise ArangoError(10, f"piece {number} of the dump cannot be had: {position.number} was the last")
    position.last = _next(position, chunk_bytes, envelope=envelope)
    position.number += 1
    return position.last


def _next(position: Position, chunk_bytes: int, *, envelope: bool) -> Piece:
    lines: list[bytes] = []
    size = 0
    while position.ahead is not None and size < chunk_bytes:
        body = position.ahead.body
        lines.append(b'{"type":2300,"data":%b}\n' % body if envelope else body + b"\n")
        size += len(lines[-1])
        position.ahead = next(position.rest, None)
    return Piece(b"".join(lines), position.ahead is not None)
