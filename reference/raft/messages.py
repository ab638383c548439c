"""Messages: what members say to each other.

The two calls of the Raft paper, each cut into a request and an answer that may be lost, repeated, delayed and
overtaken independently (Ongaro & Ousterhout 2014, figure 2 and, for snapshots, figure 13). `VoteRequest` with
`pre` is the pre-vote of Ongaro's thesis, 9.6: it asks whether a vote would be given, and changes nothing.

`round` numbers the leader's rounds of heartbeats: an answer that repeats it shows that its sender still
followed this leader when the round had begun. That is what a read waits for (thesis 6.4).

Not here: who sends what when (`raft`).
"""

from __future__ import annotations

import msgspec

from reference.raft.durable import Entry, Snapshot


class _Message(msgspec.Struct, frozen=True, tag=True):
    """`term` is the sender's, but for a pre-vote: there it is the term that the candidate would begin."""

    term: int
    sender: str


class VoteRequest(_Message, frozen=True, tag="vote"):
    """A candidate asks for a vote; `last_index` and `last_term` say how far its log is."""

    last_index: int
    last_term: int
    pre: bool = False


class VoteReply(_Message, frozen=True, tag="voted"):
    """The answer. A granted pre-vote has the term that was asked for, any other the voter's own."""

    granted: bool
    pre: bool = False


class AppendRequest(_Message, frozen=True, tag="append"):
    """The leader's entries behind `prev_index`, or none.

    A heartbeat. `commit` is the leader's commit index.
    """

    prev_index: int
    prev_term: int
    entries: tuple[Entry, ...]
    commit: int
    round: int


class SnapshotRequest(_Message, frozen=True, tag="snapshot"):
    """The leader's snapshot, whole, for a follower that needs entries which the leader no longer has."""

    snapshot: Snapshot
    round: int


class AppendReply(_Message, frozen=True, tag="appended"):
    """The answer to entries, heartbeats and snapshots.

    `ok`: the follower's log agrees with the leader's up to `index`. Otherwise it has no entry of the right
    term at `index`, the request's `prev_index`, and the hint of section 5.3: `hint_index` is its first entry
    of the term `hint_term` that stands there instead, or one behind its last entry (`hint_term` 0: its log is
    shorter).
    """

    ok: bool
    index: int
    round: int
    hint_index: int = 0
    hint_term: int = 0


Message = VoteRequest | VoteReply | AppendRequest | SnapshotRequest | AppendReply


def encode(message: Message) -> bytes:
    """A message as bytes (msgpack)."""
    return _encoder.encode(message)


def decode(data: bytes) -> Message:
    """A message from bytes. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _decoder.decode(data)


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
