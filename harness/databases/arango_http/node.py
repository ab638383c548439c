"""ArangoNode: documents, transactions and replication of one server.

Implements `workloads.protocol.capabilities.Node`. A compare-and-set is a PUT with `If-Match`; reading
everything is one query, whose result the server takes from one snapshot, fetched in several parts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any
from urllib.parse import quote

from harness.databases.arango_http.errors import COMMIT_DEFINITE
from harness.databases.arango_http.request import TRANSACTION, Requests, refused
from workloads.protocol.capabilities import Document, ReplicationState
from workloads.protocol.outcome import RequestError

DUPLICATE_NAME = 1207
NOT_FOUND = 1202
INITIAL_SYNC_S = 120.0
"""How long an initial sync may take before it is given up."""


class ArangoNode:
    """What one server can be asked. `leader_endpoints` is where each node is for the others,
    `applier` the configuration that a follower gets besides its leader.
    """

    def __init__(
        self, requests: Requests, *, leader_endpoints: Mapping[str, str], applier: Mapping[str, Any]
    ) -> None:
        self._requests = requests
        self._leader_endpoints = leader_endpoints
        self._applier = applier

    # Documents.

    async def create_collection(self, collection: str, *, wait_for_sync: bool = False) -> None:
        """Create the collection; it is no error if it exists."""
        try:
            await self._requests.send(
                "POST", "/_api/collection", {"name": collection, "waitForSync": wait_for_sync}
            )
        except RequestError as error:
            if error.number != DUPLICATE_NAME:
                raise

    async def read(self, collection: str, key: str) -> Document | None:
        """The document, or None if there is none."""
        try:
            return _document(await self._requests.send("GET", _path(collection, key)))
        except RequestError as error:
            if error.number != NOT_FOUND:
                raise
            return None

    async def read_all(self, collection: str) -> Sequence[Document]:
        """Every document of the collection as of one moment, ordered by key."""
        answer = await self._requests.send("PUT", "/_api/simple/all", {"collection": collection})
        found = [_document(stored) for stored in answer["result"]]
        while answer["hasMore"]:
            answer = await self._requests.send("PUT", f"/_api/cursor/{answer['id']}")
            found += [_document(stored) for stored in answer["result"]]
        return sorted(found, key=attrgetter("key"))

    async def insert(self, collection: str, body: Mapping[str, Any], *, key: str | None = None) -> str:
        """Insert a new document and return its revision; an existing key is a definite error."""
        return _revision(await self._requests.send("POST", _path(collection), _stored(key, body)))

    async def replace(
        self, collection: str, key: str, body: Mapping[str, Any], *, if_match: str | None = None
    ) -> str:
        """Replace a document, only if its revision is `if_match` where given; returns the new revision."""
        headers = _if_match(if_match)
        return _revision(await self._requests.send("PUT", _path(collection, key), body, headers=headers))

    async def upsert(self, collection: str, key: str, body: Mapping[str, Any]) -> str:
        """Insert or replace in one step; returns the new revision."""
        path = f"{_path(collection)}?overwriteMode=replace"
        return _revision(await self._requests.send("POST", path, _stored(key, body)))

    async def remove(self, collection: str, key: str, *, if_match: str | None = None) -> None:
        """Remove a document, only if its revision is `if_match` where given."""
        await self._requests.send("DELETE", _path(collection, key), headers=_if_match(if_match))

    async def truncate(self, collection: str) -> None:
        """Remove all documents of the collection at once."""
        await self._requests.send("PUT", f"/_api/collection/{_quoted(collection)}/truncate")

    # Transactions.

    async def transact(self, collection: str, writes: Mapping[str, Mapping[str, Any]]) -> None:
        """Write all documents by key in one stream transaction.

        An error before the commit is sent is definite: a transaction that nobody commits has no effect.
        """
        try:
            identifier = await self.begin([], [collection])
            await self._write_within(identifier, collection, writes)
        except RequestError as error:
            raise RequestError(str(error), definite=True, number=error.number, status=error.status) from error
        await self.commit(identifier)

    async def begin(self, read: Sequence[str], write: Sequence[str]) -> str:
        """Begin a stream transaction on these collections; returns its id."""
        wanted = {"collections": {"read": list(read), "write": list(write)}}
        begun = await self._requests.send("POST", "/_api/transaction/begin", wanted)
        return str(begun["result"]["id"])

    async def commit(self, transaction: str) -> None:
        """Let all that was written within the transaction take effect."""
        await self._requests.send("PUT", f"/_api/transaction/{transaction}", definite=COMMIT_DEFINITE)

    async def abort(self, transaction: str) -> None:
        """Let nothing of the transaction take effect."""
        await self._requests.send("DELETE", f"/_api/transaction/{transaction}")

    async def read_many(
        self, collection: str, keys: Sequence[str], *, within: str | None = None
    ) -> Sequence[Document | None]:
        """The documents in the order of their keys, None where there is none."""
        path = f"{_path(collection)}?onlyget=true"
        found = await self._requests.send("PUT", path, list(keys), headers=_within(within))
        missing = [each for each in found if each.get("error")]
        if any(each["errorNum"] != NOT_FOUND for each in missing):
            raise refused(200, next(each for each in missing if each["errorNum"] != NOT_FOUND))
        return [None if each.get("error") else _document(each) for each in found]

    async def replace_many(
        self,
        collection: str,
        bodies: Mapping[str, Mapping[str, Any]],
        *,
        if_match: Mapping[str, str] | None = None,
        within: str | None = None,
    ) -> Mapping[str, str]:
        """Replace documents by key; the new revisions of those that were not refused for certain."""
        expected = if_match or {}
        wanted = [
            _stored(key, body) | ({"_rev": expected[key]} if key in expected else {})
            for key, body in bodies.items()
        ]
        path = f"{_path(collection)}?ignoreRevs=false"
        written = await self._requests.send("PUT", path, wanted, headers=_within(within))
        errors = [refused(202, each) for each in written if each.get("error")]
        strange = next((error for error in errors if not error.definite), None)
        if strange is not None:
            raise strange
        return {
            key: _revision(each) for key, each in zip(bodies, written, strict=True) if not each.get("error")
        }

    async def _write_within(
        self, identifier: str, collection: str, writes: Mapping[str, Mapping[str, Any]]
    ) -> None:
        path = f"{_path(collection)}?overwriteMode=replace"
        body = [_stored(key, content) for key, content in writes.items()]
        try:
            written = await self._requests.send("POST", path, body, headers={TRANSACTION: identifier})
            failed = next((each for each in written if each.get("error")), None)
            if failed is not None:
                raise refused(202, failed)
        except RequestError:
            with contextlib.suppress(RequestError):  # only to free its locks sooner
                await self.abort(identifier)
            raise

    # Replication.

    async def applier_state(self) -> ReplicationState:
        """The follower's applier; on a server that follows nobody it is not running."""
        raw = await self._requests.send("GET", "/_api/replication/applier-state")
        state = raw["state"]
        error = state.get("lastError") or {}
        applied = [
            tick
            for name in ("lastAppliedContinuousTick", "lastProcessedContinuousTick")
            if (tick := _tick(state.get(name))) is not None
        ]
        return ReplicationState(
            running=bool(state["running"]),
            applied_tick=max(applied, default=None),
            available_tick=_tick(state.get("lastAvailableContinuousTick")),
            error=f"{error['errorNum']} {error.get('errorMessage', '')}" if error.get("errorNum") else None,
            raw=raw,
        )

    async def logger_tick(self) -> int:
        """The last tick of the node's own log."""
        state = await self._requests.send("GET", "/_api/replication/logger-state")
        return int(state["state"]["lastLogTick"])

    async def follow(self, leader: str) -> None:
        """Make the node a follower of node `leader`: initial sync, then continuous replication."""
        wanted = {
            **self._applier,
            "endpoint": self._leader_endpoints[leader],
            "database": self._requests.database,
        }
        await self._requests.send("PUT", "/_api/replication/make-follower", wanted, timeout_s=INITIAL_SYNC_S)

    async def start_applier(self) -> None:
        """Start a configured applier where it left off; no effect on a running one."""
        await self._requests.send("PUT", "/_api/replication/applier-start")

    # The server itself.

    async def version(self) -> str:
        """The server's version; asking is also the cheapest proof that it serves."""
        return str((await self._requests.send("GET", "/_api/version"))["version"])


def _path(collection: str, key: str | None = None) -> str:
    path = f"/_api/document/{_quoted(collection)}"
    return path if key is None else f"{path}/{_quoted(key)}"


@lru_cache(maxsize=4096)
def _quoted(name: str) -> str:
    return quote(name, safe="")


def _stored(key: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
    return dict(body) if key is None else {"_key": key, **body}


def _document(stored: dict[str, Any]) -> Document:
    """Takes the answer apart: what is left of it is the body."""
    stored.pop("_id", None)
    return Document(stored.pop("_key"), stored.pop("_rev"), stored)


def _revision(answer: Mapping[str, Any]) -> str:
    return str(answer["_rev"])


def _if_match(revision: str | None) -> dict[str, str]:
    return {} if revision is None else {"if-match": f'"{revision}"'}


def _within(transaction: str | None) -> dict[str, str]:
    return {} if transaction is None else {TRANSACTION: transaction}


def _tick(text: str | None) -> int | None:
    return None if text is None else int(text)
