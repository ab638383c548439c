"""restrictCollections is honoured in the initial sync and forgotten in tailing."""

from __future__ import annotations

import msgspec

from reference.replication.applier import Applier
from reference.replication.state import SavedState
from reference.replication.tailing import Tailing
from tests.defects.defect import Defect

_tailing_rightly = Applier._tailing


def _tailing(self: Applier, start: SavedState) -> Tailing:
    real = self.configuration
    self.configuration = msgspec.structs.replace(real, restrict_type="", restrict_collections=[])
    try:
        return _tailing_rightly(self, start)
    finally:
        self.configuration = real


DEFECT = Defect(
    id="restriction-not-in-tail",
    clause="LF-CONVERGE",
    anomaly="leaked-collection",
    replaces="reference.replication.applier:Applier._tailing",
    replacement=_tailing,
    oracle="http",
    needs=("restrictCollections, and a collection that is created later",),
    mirrors="https://github.com/arangodb/arangodb/issues/5679",
)
