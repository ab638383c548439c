"""Events: all that can happen to a member.

Not here: what follows from them (`effects`).
"""

from __future__ import annotations

from dataclasses import dataclass

from reference.raft.durable import Snapshot
from reference.raft.messages import Message


@dataclass(frozen=True, slots=True)
class Tick:
    """A unit of the member's own time has passed."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message came in, from its `sender`. A stranger's is ignored."""

    message: Message


@dataclass(frozen=True, slots=True)
class Propose:
    """A client wants `data`, which is not empty, in the log.

    `id` is the driver's; it comes back in the answer.
    """

    id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """A client wants to read what is committed now or later.

    `id` is the driver's; it comes back in the answer.
    """

    id: int


@dataclass(frozen=True, slots=True)
class Compact:
    """The driver has made a snapshot of what it applied, up to `snapshot.index`: older entries may go."""

    snapshot: Snapshot


Event = Tick | Received | Propose | Read | Compact
