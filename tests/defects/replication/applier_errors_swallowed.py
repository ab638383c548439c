"""What cannot be applied is passed over, as if ignoreErrors were without end."""

from __future__ import annotations

from reference.errors import ArangoError
from reference.replication.application import Application, _Counted
from tests.defects.defect import Defect


def _count_or_raise(self: Application, error: ArangoError, counted: _Counted) -> None:
    counted.excluded += 1


DEFECT = Defect(
    id="applier-errors-swallowed",
    clause="LF-APPLIER-STOPS",
    anomaly="went-on-after-error",
    replaces="reference.replication.application:Application._count_or_raise",
    replacement=_count_or_raise,
    oracle="http",
    needs=("somebody drops a collection on the follower",),
    mirrors="https://github.com/arangodb/arangodb/issues/15330",
)
