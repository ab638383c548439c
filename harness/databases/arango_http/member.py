"""ArangoMember: one server of an active failover, asked without following, and its bare answer.

Implements `workloads.protocol.failover.Member`: everything an ArangoNode can, and probes, which return what a
follower refuses instead of raising it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from harness.databases.arango_http.node import ArangoNode
from harness.databases.arango_http.request import LEADER, Requests
from harness.environment import TransportError
from workloads.protocol.failover import Reply
from workloads.protocol.outcome import RequestError

ALLOW = {"x-arango-allow-dirty-read": "true"}
PROBE_S = 1.0
"""A probe wants to know what a server answers now; one that is late says that it does not."""
_MARK = "x-arango-potential-dirty-read"
_NO_SUCH_USER = 1703


class ArangoMember(ArangoNode):
    """One server. `leader_endpoints` is where each node is for the others."""

    def __init__(self, requests: Requests, *, leader_endpoints: Mapping[str, str]) -> None:
        super().__init__(requests, leader_endpoints=leader_endpoints, applier={})
        self._bare = requests

    async def probe_read(self, collection: str, key: str, *, dirty: bool) -> Reply:
        """Read a document; `dirty` allows a follower to answer."""
        path = f"/_api/document/{quote(collection, safe='')}/{quote(key, safe='')}"
        return await self._probe("GET", path, None, dirty=dirty)

    async def probe_write(self, collection: str, key: str, body: Mapping[str, Any], *, dirty: bool) -> Reply:
        """Insert or replace a document."""
        path = f"/_api/document/{quote(collection, safe='')}?overwriteMode=replace"
        return await self._probe("POST", path, {"_key": key, **body}, dirty=dirty)

    async def probe_endpoints(self) -> Reply:
        """Ask which servers there are, the leader first."""
        return await self._probe("GET", "/_api/cluster/endpoints", None, dirty=False)

    async def create_user(self, name: str) -> None:
        """Make a user without any rights."""
        await self._bare.send("POST", "/_api/user", {"user": name, "passwd": name})

    async def grant(self, name: str, level: str) -> None:
        """Give a user a level in the database."""
        path = f"/_api/user/{quote(name, safe='')}/database/{self._bare.database}"
        await self._bare.send("PUT", path, {"grant": level})

    async def level(self, name: str) -> str | None:
        """The level that the server gives the user in the database; None if it knows no such user."""
        path = f"/_api/user/{quote(name, safe='')}/database/{self._bare.database}"
        try:
            return str((await self._bare.send("GET", path))["result"])
        except RequestError as error:
            if error.number != _NO_SUCH_USER:
                raise
            return None

    async def queue(self, key: str, job: Mapping[str, Any]) -> None:
        """Queue a job under its key; on return it is on the disk."""
        await self._bare.send("POST", "/_api/document/_jobs?waitForSync=true", {"_key": key, **job})

    async def users(self) -> Mapping[str, str]:
        """All users as they are stored, as of one moment: levels in the database by name."""
        stored = [document.body for document in await self.read_all("_users")]
        return {user["user"]: _level(user["databases"].get(self._bare.database, {})) for user in stored}

    async def _probe(self, method: str, path: str, body: Any, *, dirty: bool) -> Reply:
        bare = self._bare
        try:
            answer = await bare.transport.request(
                method,
                f"/_db/{bare.database}{path}",
                headers={**bare.headers, **(ALLOW if dirty else {})},
                body=b"" if body is None else msgspec.json.encode(body),
                timeout_s=min(bare.timeout_s, PROBE_S),
            )
        except TransportError as error:
            raise RequestError(str(error), definite=not error.sent) from error
        content = _decoded(answer.body)
        number = content.get("errorNum") if isinstance(content, dict) else None
        return Reply(
            status=answer.status,
            number=number if isinstance(number, int) and number else None,
            endpoint=answer.headers.get(LEADER),
            marked=answer.headers.get(_MARK, "").lower() == "true",
            endpoints=_endpoints(content),
            body=content,
        )


def _level(granted: Mapping[str, Any]) -> str:
    """A database's entry in a stored user: what was never granted is not there."""
    permissions = granted.get("permissions", {})
    return "rw" if permissions.get("write") else "ro" if permissions.get("read") else "none"


def _decoded(body: bytes) -> Any:
    """What is no JSON says nothing; the status still does."""
    try:
        return msgspec.json.decode(body) if body else None
    except msgspec.DecodeError:
        return None


def _endpoints(content: Any) -> tuple[str, ...] | None:
    listed = content.get("endpoints") if isinstance(content, dict) else None
    return None if not isinstance(listed, list) else tuple(each["endpoint"] for each in listed)
