"""A dump shows documents as they are now, not as they were at the snapshot's tick."""

from __future__ import annotations

from collections.abc import Iterator

from reference.storage.collection import Collection
from reference.storage.snapshot import Document, Snapshot
from tests.defects.defect import Defect


def _documents(self: Snapshot, collection: Collection) -> Iterator[Document]:
    for key in collection.table.all_keys():
        version = collection.table.newest(key)
        if version is not None and version.body is not None:
            yield Document(key, version.revision, version.body)


DEFECT = Defect(
    id="dump-outside-snapshot",
    clause="LF-SYNC-TICK",
    anomaly="not-a-snapshot",
    replaces="reference.storage.snapshot:Snapshot.documents",
    replacement=_documents,
    oracle="http",
    needs=("writes during a dump, and a look at the copy before the tail has made it good",),
    mirrors="https://github.com/arangodb/arangodb/pull/15086",
)
