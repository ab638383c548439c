"""Aborting a transaction writes it to the log: no table has it, but every follower and the next life."""

from __future__ import annotations

from reference.storage.transaction import ABORTED, RUNNING, Transaction
from tests.defects.defect import Defect


def _abort(self: Transaction) -> None:
    if self.status == RUNNING and not self._committing:
        if self.tick is not None and self._drafts:
            self._append()
        self._end(ABORTED)


DEFECT = Defect(
    id="aborted-transaction-logged",
    clause="LF-ORDER",
    anomaly="phantom-on-follower",
    replaces="reference.storage.transaction:Transaction.abort",
    replacement=_abort,
    oracle="client",
    faults=("pause",),
    workloads=("leader_follower",),
    needs=("a client gives up between its writes and its commit",),
    mirrors="https://github.com/arangodb/arangodb/pull/14368 (commit or abort that never comes)",
)
