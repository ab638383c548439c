"""Effects: what the driver has to do after a step, in this order and one after the other.

The one rule: whatever stands behind a `Persist` waits until that is durable. Steps may be taken meanwhile if
their effects queue up behind; and the queue's `Persist` records may be brought forward and synced together,
for a message that is sent later is only a slower message.

One exception for speed (Ongaro's thesis, 10.2.1): a step's `AppendRequest`s may go out while its `Persist` is
under way, if that has no hard state and no further step is taken before it is durable.

Not here: `Persist` itself (`durable`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reference.raft.durable import Entry, Persist, Snapshot
from reference.raft.messages import Message

Role = Literal["follower", "pre-candidate", "candidate", "leader"]


@dataclass(frozen=True, slots=True)
class Send:
    """Send `message` to the member `to`. It may be lost."""

    to: str
    message: Message


@dataclass(frozen=True, slots=True)
class Committed:
    """Apply these entries: consecutive, each exactly once in a life, in the same order on all members.

    Entries without data begin a leader's term and are nobody's command.
    """

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Restore:
    """Replace the applied state by this snapshot, which is ahead of it.

    A life with a snapshot begins with it.
    """

    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Accepted:
    """The proposal `id` stands in the leader's log.

    It is done when the entry of this `index` is committed with this `term`, and certainly lost when that
    index is committed with another. Until then, also after the leader has stepped down, its outcome is
    unknown.
    """

    id: int
    index: int
    term: int


@dataclass(frozen=True, slots=True)
class ReadReady:
    """The reads may be answered from the applied state: all up to `index` was handed over before this."""

    ids: tuple[int, ...]
    index: int


@dataclass(frozen=True, slots=True)
class Redirect:
    """Proposals or reads that are not taken and had no effect, as this member does not lead. `leader` may."""

    ids: tuple[int, ...]
    leader: str | None


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """Role, term or known leader are others than before."""

    role: Role
    term: int
    leader: str | None


Effect = Persist | Send | Committed | Restore | Accepted | ReadReady | Redirect | RoleChanged
