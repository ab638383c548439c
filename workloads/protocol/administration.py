"""What an administrator can ask of one database at one server, and of its replication.

Replication is set up database by database, so clients that try many configurations give each a database of
its own. As everywhere, every call sends each request at most once and raises RequestError when one of them
was not answered with success.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from workloads.protocol.capabilities import ReplicationState, Session


class Site(Protocol):
    """One database at one server. `configuration` is an applier's, with the documents' names."""

    async def create(self) -> None:
        """Create the database."""
        ...

    async def drop(self) -> None:
        """Drop the database, and with it its applier."""
        ...

    async def create_collection(self, name: str, *, wait_for_sync: bool) -> None:
        """Create a collection that there is not."""
        ...

    async def drop_collection(self, name: str) -> None:
        """Drop a collection."""
        ...

    async def collections(self) -> Sequence[str]:
        """The names of all collections, those of the system too."""
        ...

    async def revisions(self, collection: str) -> Mapping[str, str]:
        """The revision of every document by key, as of one moment."""
        ...

    async def write(self, collection: str, keys: Sequence[str], *, wait_for_sync: bool) -> None:
        """Insert or replace these documents; all of them must succeed."""
        ...

    async def remove(self, collection: str, key: str) -> None:
        """Remove a document; answered when that is on disk."""
        ...

    async def follow(self, endpoint: str, configuration: Mapping[str, Any]) -> None:
        """The all-in-one set-up."""
        ...

    async def synchronize(self, endpoint: str, configuration: Mapping[str, Any]) -> int:
        """Copy the data once; the tick from which replication goes on."""
        ...

    async def configure(self, endpoint: str, configuration: Mapping[str, Any]) -> None:
        """Change the applier's configuration."""
        ...

    async def start(self, tick: int | None) -> None:
        """Start the applier after `tick`, or where it left off."""
        ...

    async def stop(self) -> None:
        """Stop the applier."""
        ...

    async def forget(self) -> None:
        """Let the applier forget where it left off."""
        ...

    async def settings(self) -> Mapping[str, Any]:
        """The applier's configuration as it is shown."""
        ...

    async def state(self) -> ReplicationState:
        """The applier's state."""
        ...

    async def tick(self) -> int:
        """The last tick of the server's log."""
        ...

    async def uptime_s(self) -> float:
        """How long the server has run."""
        ...

    async def flush(self) -> None:
        """Begin a new log file, so that the one before may go when nobody needs it."""
        ...

    async def pin(self) -> str:
        """Hold a snapshot of now, as a follower would; its id."""
        ...

    async def dump(self, snapshot: str, collection: str) -> Sequence[str]:
        """The keys of a collection in a snapshot that is held."""
        ...

    async def demands_credentials(self) -> bool:
        """Whether a request that proves nobody is refused."""
        ...


class AdministeredSession(Session, Protocol):
    """A session whose servers' databases can be administered one by one."""

    def within(self, node: str, database: str) -> Site:
        """A database at a node."""
        ...

    def endpoint(self, node: str) -> str:
        """Where the node's server is for the others."""
        ...
