"""What a database can be asked to do, as small protocols that its session implements.

Clients are written against these, so that N workloads and M databases need N + M modules. Every call sends at
most one request, once, and raises `RequestError` when it was not answered with success. No call retries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec


class Document(msgspec.Struct, frozen=True):
    """A stored document: its key, its revision, and its body without the attributes the database adds."""

    key: str
    revision: str
    body: Mapping[str, Any]


class Documents(Protocol):
    """Single documents of a collection at one node."""

    async def create_collection(self, collection: str, *, wait_for_sync: bool = False) -> None:
        """Create the collection; it is no error if it exists."""
        ...

    async def read(self, collection: str, key: str) -> Document | None:
        """The document, or None if there is none."""
        ...

    async def read_all(self, collection: str) -> Sequence[Document]:
        """Every document of the collection as of one moment, ordered by key."""
        ...

    async def insert(self, collection: str, body: Mapping[str, Any], *, key: str | None = None) -> str:
        """Insert a new document and return its revision; an existing key is a definite error."""
        ...

    async def replace(
        self, collection: str, key: str, body: Mapping[str, Any], *, if_match: str | None = None
    ) -> str:
        """Replace a document, only if its revision is `if_match` where given; returns the new revision."""
        ...

    async def upsert(self, collection: str, key: str, body: Mapping[str, Any]) -> str:
        """Insert or replace in one step; returns the new revision."""
        ...

    async def remove(self, collection: str, key: str, *, if_match: str | None = None) -> None:
        """Remove a document, only if its revision is `if_match` where given."""
        ...

    async def truncate(self, collection: str) -> None:
        """Remove all documents of the collection at once."""
        ...


class Transactions(Protocol):
    """Several documents in one request, and in one transaction, at one node.

    `within` names a transaction that was begun; without it a request is one by itself.
    """

    async def transact(self, collection: str, writes: Mapping[str, Mapping[str, Any]]) -> None:
        """Write all documents by key in one atomic transaction."""
        ...

    async def read_many(
        self, collection: str, keys: Sequence[str], *, within: str | None = None
    ) -> Sequence[Document | None]:
        """The documents in the order of their keys, None where there is none."""
        ...

    async def replace_many(
        self,
        collection: str,
        bodies: Mapping[str, Mapping[str, Any]],
        *,
        if_match: Mapping[str, str] | None = None,
        within: str | None = None,
    ) -> Mapping[str, str]:
        """Replace documents by key, each only if its revision is the one in `if_match` where given.

        Each succeeds or is refused by itself; returns the new revisions of those that were replaced.
        """
        ...

    async def begin(self, read: Sequence[str], write: Sequence[str]) -> str:
        """Begin a transaction on these collections; returns its name."""
        ...

    async def commit(self, transaction: str) -> None:
        """Let all that was written within the transaction take effect."""
        ...

    async def abort(self, transaction: str) -> None:
        """Let nothing of the transaction take effect."""
        ...


@dataclass(frozen=True, slots=True)
class ReplicationState:
    """How far a follower is, in the leader's ticks; None where nothing was processed yet."""

    running: bool
    applied_tick: int | None
    available_tick: int | None
    error: str | None
    raw: Mapping[str, Any]


class Replication(Protocol):
    """The replication of one node, as its administrator sees it."""

    async def applier_state(self) -> ReplicationState:
        """The follower's applier; on a server that follows nobody it is not running."""
        ...

    async def logger_tick(self) -> int:
        """The last tick of the node's own log."""
        ...

    async def follow(self, leader: str) -> None:
        """Make the node a follower of node `leader`: initial sync, then continuous replication."""
        ...

    async def start_applier(self) -> None:
        """Start a configured applier where it left off; no effect on a running one."""
        ...


class Node(Documents, Transactions, Replication, Protocol):
    """Everything one node can be asked."""


class Session(Protocol):
    """One process's way into a database. Its connections are its own and are never shared or reused."""

    @property
    def nodes(self) -> Sequence[str]:
        """All nodes that run a server, in inventory order."""
        ...

    @property
    def leader(self) -> str:
        """The node that takes writes; with one server, that one."""
        ...

    @property
    def followers(self) -> Sequence[str]:
        """The other nodes, in inventory order."""
        ...

    def on(self, node: str) -> Node:
        """The capabilities at `node`."""
        ...

    async def close(self) -> None:
        """Drop every connection."""
        ...
