"""ArangoSite: one database of one server, as its administrator sees it.

Implements `workloads.protocol.administration.Site`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import msgspec

from harness.databases.arango_http.node import INITIAL_SYNC_S, ArangoNode
from harness.databases.arango_http.request import Requests, refused
from harness.environment import TransportError
from workloads.protocol.capabilities import ReplicationState
from workloads.protocol.outcome import RequestError

_REPLICATION = "/_api/replication"
_SNAPSHOT_S = 60


class ArangoSite:
    """A database. `requests` are within it; `credentials` are what a follower needs at any of the servers."""

    def __init__(self, requests: Requests, credentials: Mapping[str, Any]) -> None:
        self._requests = requests
        self._node = ArangoNode(requests, leader_endpoints={}, applier={})
        self._credentials = credentials

    # The database and what is in it.

    async def create(self) -> None:
        """Create the database."""
        await self._above().send("POST", "/_api/database", {"name": self._requests.database})

    async def drop(self) -> None:
        """Drop the database, and with it its applier."""
        await self._above().send("DELETE", f"/_api/database/{self._requests.database}")

    def _above(self) -> Requests:
        return replace(self._requests, database="_system")

    async def create_collection(self, name: str, *, wait_for_sync: bool) -> None:
        """Create a collection that there is not."""
        body = {"name": name, "waitForSync": wait_for_sync}
        await self._requests.send("POST", "/_api/collection", body)

    async def drop_collection(self, name: str) -> None:
        """Drop a collection."""
        await self._requests.send("DELETE", f"/_api/collection/{quote(name, safe='')}")

    async def collections(self) -> Sequence[str]:
        """The names of all collections, those of the system too."""
        listed = await self._requests.send("GET", "/_api/collection")
        return [collection["name"] for collection in listed["result"]]

    async def revisions(self, collection: str) -> Mapping[str, str]:
        """The revision of every document by key, as of one moment."""
        return {document.key: document.revision for document in await self._node.read_all(collection)}

    async def write(self, collection: str, keys: Sequence[str], *, wait_for_sync: bool) -> None:
        """Insert or replace these documents; all of them must succeed."""
        query = f"overwriteMode=replace&waitForSync={_flag(wait_for_sync)}"
        path = f"/_api/document/{quote(collection, safe='')}?{query}"
        written = await self._requests.send("POST", path, [{"_key": key} for key in keys])
        failed = next((each for each in written if each.get("error")), None)
        if failed is not None:
            raise refused(202, failed, {})  # others of them may have been written

    async def remove(self, collection: str, key: str) -> None:
        """Remove a document; answered when that is on disk."""
        path = f"/_api/document/{quote(collection, safe='')}/{quote(key, safe='')}?waitForSync=true"
        await self._requests.send("DELETE", path)

    # Its applier.

    async def follow(self, endpoint: str, configuration: Mapping[str, Any]) -> None:
        """The all-in-one set-up."""
        await self._copy("make-follower", endpoint, configuration)

    async def synchronize(self, endpoint: str, configuration: Mapping[str, Any]) -> int:
        """Copy the data once; the tick from which replication goes on."""
        return int((await self._copy("sync", endpoint, configuration))["lastLogTick"])

    async def _copy(self, command: str, endpoint: str, configuration: Mapping[str, Any]) -> Any:
        wanted = self._wanted(endpoint, configuration)
        return await self._requests.send("PUT", f"{_REPLICATION}/{command}", wanted, timeout_s=INITIAL_SYNC_S)

    async def configure(self, endpoint: str, configuration: Mapping[str, Any]) -> None:
        """Change the applier's configuration."""
        wanted = self._wanted(endpoint, configuration)
        await self._requests.send("PUT", f"{_REPLICATION}/applier-config", wanted)

    def _wanted(self, endpoint: str, configuration: Mapping[str, Any]) -> dict[str, Any]:
        where = {"endpoint": endpoint, "database": self._requests.database}
        return {**self._credentials, **where, **configuration}

    async def start(self, tick: int | None) -> None:
        """Start the applier after `tick`, or where it left off."""
        query = "" if tick is None else f"?from={tick}"
        await self._requests.send("PUT", f"{_REPLICATION}/applier-start{query}")

    async def stop(self) -> None:
        """Stop the applier."""
        await self._requests.send("PUT", f"{_REPLICATION}/applier-stop")

    async def forget(self) -> None:
        """Let the applier forget where it left off."""
        await self._requests.send("DELETE", f"{_REPLICATION}/applier-state")

    async def settings(self) -> Mapping[str, Any]:
        """The applier's configuration as it is shown."""
        shown: dict[str, Any] = await self._requests.send("GET", f"{_REPLICATION}/applier-config")
        return shown

    async def state(self) -> ReplicationState:
        """The applier's state."""
        return await self._node.applier_state()

    # The server.

    async def tick(self) -> int:
        """The last tick of the server's log."""
        return await self._node.logger_tick()

    async def uptime_s(self) -> float:
        """How long the server has run."""
        return float((await self._above().send("GET", "/_admin/statistics"))["server"]["uptime"])

    async def flush(self) -> None:
        """Begin a new log file, so that the one before may go when nobody needs it."""
        await self._above().send("PUT", "/_admin/wal/flush")

    async def pin(self) -> str:
        """Hold a snapshot of now, as a follower would; its id."""
        return str((await self._requests.send("POST", f"{_REPLICATION}/batch", {"ttl": _SNAPSHOT_S}))["id"])

    async def dump(self, snapshot: str, collection: str) -> Sequence[str]:
        """The keys of a collection in a snapshot that is held. Few documents, so one piece is all."""
        query = f"collection={quote(collection, safe='')}&batchId={snapshot}&useEnvelope=false"
        status, body = await self._bare(f"{_REPLICATION}/dump?{query}", self._requests.headers)
        if status >= 300:
            raise RequestError(f"{status}: the dump was refused", definite=True, status=status)
        return [str(msgspec.json.decode(line)["_key"]) for line in body.splitlines()]

    async def demands_credentials(self) -> bool:
        """Whether a request that proves nobody is refused."""
        return (await self._bare("/_api/version", {}))[0] == 401

    async def _bare(self, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body of the answer to a GET, whatever they are."""
        requests = self._requests
        try:
            answer = await requests.transport.request(
                "GET",
                f"/_db/{requests.database}{path}",
                headers=headers,
                body=b"",
                timeout_s=requests.timeout_s,
            )
        except TransportError as error:
            raise RequestError(str(error), definite=not error.sent) from error
        return answer.status, answer.body


def _flag(value: bool) -> str:
    return "true" if value else "false"
