"""Handshake: what a follower asks before it believes a server to be its leader."""

from __future__ import annotations

from reference import VERSION
from reference.errors import ArangoError
from reference.replication.leader import Leader, sense


async def greet(leader: Leader, *, expected_id: str | None = None) -> str:
    """Ask the leader for its state; its serverId.

    Raises ArangoError 1405 if it is this very server (LF-NO-SELF), 1403 if it has another version
    (LF-SAME-VERSION), 1404 if it is not the one that the saved tick belongs to, 1401 if it talks nonsense,
    and what `Leader` raises.
    """
    answer = await leader.json("/_api/replication/logger-state")
    with sense(leader.endpoint, "the state"):
        server_id, version = str(answer["server"]["serverId"]), str(answer["server"]["version"])
    if server_id == leader.follower_id:
        raise ArangoError(1405, f"loop detected: the leader at {leader.endpoint} is this very server")
    if version != VERSION:
        raise ArangoError(
            1403,
            f"leader at {leader.endpoint} has version {version}, but this server has {VERSION}",
        )
    if expected_id not in (None, server_id):
        raise ArangoError(
            1404,
            f"leader changed: at {leader.endpoint} is now server {server_id}, but the saved tick is of "
            f"server {expected_id}: synchronize anew",
        )
    return server_id
