"""Checkpoints: everything at one tick in one file, so that older segments of the log may go.

The file has the log's own frames: databases and collections (the gone ones too, as long as the log still
speaks of them), indexes, documents; the last frame counts the others. It is written beside the running
server in small steps, synced, and renamed; so there is always one whole checkpoint, or none yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec

from reference.storage.catalog import Catalog, CollectionIdentity, DatabaseIdentity
from reference.storage.corruption import CorruptStorage
from reference.storage.frames import read_frames
from reference.storage.record import Draft, Type, encode
from reference.storage.snapshot import CollectionView, Snapshot
from reference.world import Disk, File

FOLDER = "checkpoints"
_SUFFIX = ".checkpoint"
_UNFINISHED = f"{FOLDER}/unfinished"
_STEP_BYTES = 64 * 1024
_encode = msgspec.json.Encoder().encode


def checkpoint_names(disk: Disk) -> list[str]:
    """Whole checkpoints on the disk, oldest first."""
    return [f"{FOLDER}/{name}" for name in disk.list(FOLDER) if name.endswith(_SUFFIX)]


async def write_checkpoint(disk: Disk, catalog: Catalog, snapshot: Snapshot, first_tick: int) -> int:
    """Write the snapshot and remove older checkpoints; the size in bytes. Raises OSError.

    `first_tick` is the log's: what was dropped before is forgotten.
    """
    await disk.remove(_UNFINISHED)
    file = disk.open(_UNFINISHED)
    try:
        await _fill(file, _drafts(catalog, snapshot, first_tick), snapshot.tick)
        await file.sync()
        size = file.size
    except OSError:
        await disk.remove(_UNFINISHED)  # a full disk can use the room
        raise
    finally:
        file.close()
    name = f"{FOLDER}/{snapshot.tick:020d}{_SUFFIX}"
    await disk.rename(_UNFINISHED, name)
    for old in checkpoint_names(disk):
        if old != name:
            await disk.remove(old)
    return size


async def load_checkpoint(disk: Disk, catalog: Catalog) -> int:
    """Fill the empty catalog from the newest checkpoint; its tick, 0 without one. Raises CorruptStorage."""
    names = checkpoint_names(disk)
    if not names:
        return 0
    file = disk.open(names[-1])
    tick, offset = -1, 0
    for count, (record, end) in enumerate(read_frames(file, 0)):
        offset = end
        if record.type == Type.CHECKPOINT:
            tick = record.tick
        elif record.type == Type.CHECKPOINT_END:
            if record.revision != count or tick < 0:
                break
            file.close()
            return tick
        elif record.type == Type.GONE:
            catalog.remember(record.body)
        else:
            catalog.apply(record, record.tick)
        if count % 100_000 == 0:
            await asyncio.sleep(0)
    raise CorruptStorage(f"{names[-1]} is damaged at offset {offset}: restore it from a backup")


async def _fill(file: File, drafts: Iterator[Draft], tick: int) -> None:
    count, size, frames = 0, 0, list[bytes]()
    for draft in drafts:
        frame = encode(draft, tick, 0, tick)
        frames.append(frame)
        count += 1
        size += len(frame)
        if size >= _STEP_BYTES:
            file.append(b"".join(frames))
            size, frames = 0, []
            await asyncio.sleep(0)
    frames.append(encode(Draft(Type.CHECKPOINT_END, 0, revision=count), tick, 0, tick))
    file.append(b"".join(frames))


def _drafts(catalog: Catalog, snapshot: Snapshot, first_tick: int) -> Iterator[Draft]:
    yield Draft(Type.CHECKPOINT, 0)
    yield from _gone(catalog, snapshot, first_tick)
    for name, database_id in snapshot.databases().items():
        yield Draft(Type.CREATE_DATABASE, database_id, body=_encode({"name": name}))
        for view in snapshot.collections(database_id):
            yield from _collection(view, snapshot)


def _gone(catalog: Catalog, snapshot: Snapshot, first_tick: int) -> Iterator[Draft]:
    """What the log's readers still meet although it was dropped."""
    known: list[DatabaseIdentity | CollectionIdentity] = [*catalog.known_databases.values()]
    known += catalog.known_collections.values()
    for identity in known:
        if identity.dropped_tick is not None and first_tick <= identity.dropped_tick <= snapshot.tick:
            yield Draft(Type.GONE, 0, body=_encode(identity))


def _collection(view: CollectionView, snapshot: Snapshot) -> Iterator[Draft]:
    collection = view.collection
    database, number = collection.database_id, collection.id
    revision = collection.revision
    yield Draft(Type.CREATE_COLLECTION, database, number, revision=revision, body=_encode(view.definition))
    for index in view.indexes:
        yield Draft(Type.CREATE_INDEX, database, number, body=_encode(index))
    for document in snapshot.documents(collection):
        yield Draft(Type.PUT, database, number, document.key, document.revision, document.body)
