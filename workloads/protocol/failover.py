"""What servers of which one leads, chosen by an agency, can be asked besides what every server can.

A session knows which node it believes to lead, follows when it is sent elsewhere, and can also look at one
server without following: the *bare* answer, with what it says about who leads. As everywhere, a call sends
each request at most once; the agency's calls follow an agent's redirect, which is a request never begun.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from workloads.protocol.capabilities import Node, Session


@dataclass(frozen=True, slots=True)
class Reply:
    """A bare answer: HTTP status, error number where there was one, and what it says about the leader.

    `endpoint` is where it sends the client: empty if it knows no leader, None if it does not say. `marked` is
    whether the answer warns that it may be dirty. `endpoints` are the servers it lists, if asked for them.
    """

    status: int
    number: int | None
    endpoint: str | None
    marked: bool
    endpoints: tuple[str, ...] | None = None
    body: Any = None

    @property
    def accepted(self) -> bool:
        """Whether the server did what it was asked."""
        return 200 <= self.status < 300


class Member(Node, Protocol):
    """One server of the group, asked without following. RequestError only if no answer came."""

    async def probe_read(self, collection: str, key: str, *, dirty: bool) -> Reply:
        """Read a document; `dirty` allows a follower to answer."""
        ...

    async def probe_write(self, collection: str, key: str, body: Mapping[str, Any], *, dirty: bool) -> Reply:
        """Insert or replace a document."""
        ...

    async def probe_endpoints(self) -> Reply:
        """Ask which servers there are, the leader first."""
        ...

    async def create_user(self, name: str) -> None:
        """Make a user without any rights."""
        ...

    async def grant(self, name: str, level: str) -> None:
        """Give a user a level, "rw", "ro" or "none", in the database."""
        ...

    async def level(self, name: str) -> str | None:
        """The level that the server gives the user in the database; None if it knows no such user."""
        ...

    async def queue(self, key: str, job: Mapping[str, Any]) -> None:
        """Queue a job under its key; on return it is on the disk."""
        ...

    async def users(self) -> Mapping[str, str]:
        """All users as they are stored, as of one moment: levels in the database by name."""
        ...


class Agency(Protocol):
    """The agency through whichever agent leads. Paths begin with `/`."""

    async def read(self, paths: Sequence[str]) -> Any:
        """The tree below these paths, as of one moment, nested from the root."""
        ...

    async def write(self, values: Mapping[str, Any], expected: Mapping[str, Any] | None = None) -> int:
        """Set all these paths in one step, if all `expected` ones hold exactly that (None: nothing).

        The place of this in the agency's log, counted from 1; 0 if they do not, then nothing was written.
        """
        ...

    async def observe(self, path: str, url: str) -> None:
        """Have `url` told from now on when something at, below or above the path is written."""
        ...


class FailoverSession(Session, Protocol):
    """One process's way into the group. `leader` is whom it believes to lead, and changes."""

    def member(self, node: str) -> Member:
        """One server, asked without following."""
        ...

    def copy(self, node: str) -> Member:
        """What a server has, whether it leads or follows: reads that may be dirty."""
        ...

    def inbox(self, node: str, collection: str) -> str:
        """Where other hosts send a document that the node's server is to keep in the collection."""
        ...

    def node_at(self, endpoint: str) -> str | None:
        """The node whose server has this endpoint, in whatever scheme; None if there is none."""
        ...

    def follow(self, endpoint: str | None) -> bool:
        """Believe from now on what a refusal said; False if that named nobody new. None moves on in turn."""
        ...

    def confirm(self, node: str) -> None:
        """Hear that `node` did what only a leader does."""
        ...

    @property
    def agency(self) -> Agency:
        """The agency."""
        ...
