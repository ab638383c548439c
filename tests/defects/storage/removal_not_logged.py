"""A removal changes the table but not the log: followers keep the document, and so does the next life."""

from __future__ import annotations

from reference.storage.record import REMOVE
from reference.storage.transaction import Transaction
from tests.defects.defect import Defect

_append_rightly = Transaction._append


def _append(self: Transaction) -> int:
    self._drafts = [draft for draft in self._drafts if draft.type != REMOVE]
    return _append_rightly(self) if self._drafts else self._owner.log.last_tick


DEFECT = Defect(
    id="removal-not-logged",
    clause="LF-WAL",
    anomaly="lost-write",
    replaces="reference.storage.transaction:Transaction._append",
    replacement=_append,
    oracle="client",
    workloads=("leader_follower",),
    mirrors="https://github.com/arangodb/arangodb/pull/14398 (what is replicated is not what was done)",
)
