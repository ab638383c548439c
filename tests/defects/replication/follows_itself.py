"""A server follows itself."""

from __future__ import annotations

from reference.replication.leader import Leader
from tests.defects.defect import Defect


async def _greet(leader: Leader, *, expected_id: str | None = None) -> str:
    return str((await leader.json("/_api/replication/logger-state"))["server"]["serverId"])


DEFECT = Defect(
    id="follows-itself",
    clause="LF-NO-SELF",
    anomaly="loop",
    replaces="reference.replication.handshake:greet",
    replacement=_greet,
    oracle="http",
    topology="single",
    needs=("an endpoint that is the server's own",),
)
