"""Entries up to the applied tick are applied once more when they come again."""

from __future__ import annotations

from reference.replication.application import Application, _Open
from reference.replication.entries import ABORT, Entry
from reference.storage.record import Type
from tests.defects.defect import Defect


async def _take(self: Application, entry: Entry) -> None:
    if entry.type == Type.BEGIN:
        self._open[entry.tid] = _Open(entry.tick)
    elif entry.type == Type.COMMIT:
        await self._commit(entry)
    elif entry.type == ABORT:
        self._open.pop(entry.tid, None)
    elif entry.tid and entry.type in (Type.PUT, Type.REMOVE):
        self._part(entry).entries.append(entry)
    else:
        await self._alone(entry)


DEFECT = Defect(
    id="overlap-applied-again",
    clause="LF-CONVERGE",
    anomaly="divergence",
    replaces="reference.replication.application:Application._take",
    replacement=_take,
    oracle="client",
    workloads=("leader_follower",),
    mirrors="https://github.com/arangodb/arangodb/issues/7410 (duplicates the last ticks)",
    equivalent=(
        "Our leader's transactions lie in the log in one piece, and the stored tick is right before the one "
        "that has come in part. So what comes again is that one piece alone, of which nothing has been "
        "applied: nothing that was applied ever comes again. A leader that interleaves transactions, as an "
        "arangod does, would show it."
    ),
)
