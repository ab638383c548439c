"""Raft: several members agree on one log.

After Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm", USENIX ATC 2014, extended
version; and Ongaro's thesis "Consensus: Bridging Theory and Practice", 2014, for pre-vote, check-quorum and
read index.

The core is a pure machine: `Raft.step(*events)` returns effects, in order. It has no clock but ticks, no
network, no disk, and no randomness but the `Random` that it is given, so the same events always give the same
effects.

    raft = Raft("a", ("a", "b", "c"), random, durable=recover(records))
    for effect in raft.step(Tick(), Received(message), Propose(7, b"x = 1")):
        ...   # Persist: write and sync; Send; Committed: apply; ReadReady: answer; see `effects`

Not here: membership changes (fixed at start; ArangoDB's agency also fixes its size), leadership transfer,
lease reads, learners, snapshots in chunks (one message carries a whole one).
"""

from reference.raft.durable import DamagedLogError, Durable, Entry, HardState, Persist, Snapshot, recover
from reference.raft.effects import (
    Accepted,
    Committed,
    Effect,
    ReadReady,
    Redirect,
    Restore,
    Role,
    RoleChanged,
    Send,
)
from reference.raft.events import Compact, Event, Propose, Read, Received, Tick
from reference.raft.messages import Message
from reference.raft.raft import Raft
from reference.raft.timing import Timing

__all__ = [
    "Accepted",
    "Committed",
    "Compact",
    "DamagedLogError",
    "Durable",
    "Effect",
    "Entry",
    "Event",
    "HardState",
    "Message",
    "Persist",
    "Propose",
    "Raft",
    "Read",
    "ReadReady",
    "Received",
    "Redirect",
    "Restore",
    "Role",
    "RoleChanged",
    "Send",
    "Snapshot",
    "Tick",
    "Timing",
    "recover",
]
