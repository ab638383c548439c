"""A follower follows a leader of another version."""

from __future__ import annotations

from reference.errors import ArangoError
from reference.replication.leader import Leader
from tests.defects.defect import Defect


async def _greet(leader: Leader, *, expected_id: str | None = None) -> str:
    server_id = str((await leader.json("/_api/replication/logger-state"))["server"]["serverId"])
    if server_id == leader.follower_id:
        raise ArangoError(1405, f"loop detected: the leader at {leader.endpoint} is this very server")
    if expected_id not in (None, server_id):
        raise ArangoError(1404, f"leader changed: at {leader.endpoint} is now server {server_id}")
    return server_id


DEFECT = Defect(
    id="other-version-accepted",
    clause="LF-SAME-VERSION",
    anomaly="other-version",
    replaces="reference.replication.handshake:greet",
    replacement=_greet,
    oracle="http",
    needs=("a leader of another version",),
)
