"""The saved tick is used with a leader that it is not of, such as one whose data folder was lost."""

from __future__ import annotations

from reference.replication import handshake
from reference.replication.leader import Leader
from tests.defects.defect import Defect

_greet_rightly = handshake.greet


async def _greet(leader: Leader, *, expected_id: str | None = None) -> str:
    return await _greet_rightly(leader)


DEFECT = Defect(
    id="other-leader-accepted",
    clause="LF-CONVERGE",
    anomaly="divergence",
    replaces="reference.replication.handshake:greet",
    replacement=_greet,
    oracle="http",
    faults=("kill",),
    needs=("a leader that comes back with an empty data folder",),
    mirrors="https://github.com/arangodb/arangodb/issues/16532",
)
