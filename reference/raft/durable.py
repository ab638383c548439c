"""Durable: what of a member must survive a crash, and the changes that keep it.

A member writes down its term and vote, its log and its latest snapshot before it speaks of them (Ongaro &
Ousterhout 2014, figure 2: "updated on stable storage before responding to RPCs"). The machine says so as
`Persist` records. Each is a difference; all of them, folded in order, are the state with which the next life
begins. So a file of encoded `Persist` records, one behind the other, is a complete log on disk; a torn one at
its end has not been written. One record made by `Durable.whole` can replace all before it at any time: write
that to a new file, sync it, and only then remove the old one.

Not here: files and checksums (the driver), and the log in memory (`log`).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class DamagedLogError(ValueError):
    """What was read from disk cannot have been written like that.

    To start with it could lose acknowledged writes.
    """


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One place in the log. `data` is the command; empty in the entry with which a leader begins its term."""

    index: int
    term: int
    data: bytes = b""


class Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """The applied state after all entries up to `index`.

    `term` is that entry's. Index 0: before any entry.
    """

    index: int = 0
    term: int = 0
    data: bytes = b""


class HardState(msgspec.Struct, frozen=True, array_like=True):
    """The latest term seen, and the member voted for in it."""

    term: int = 0
    vote: str | None = None


class Persist(msgspec.Struct, frozen=True, array_like=True):
    """Effect: write this down durably before carrying out any later effect.

    A new snapshot replaces the old one; then entries below `keep_from` go; then entries from `truncate_from`
    on go; then `entries` are appended. The hard state replaces the old one. None: no change.
    """

    hard_state: HardState | None = None
    snapshot: Snapshot | None = None
    keep_from: int | None = None
    truncate_from: int | None = None
    entries: tuple[Entry, ...] = ()


class Durable(msgspec.Struct, frozen=True):
    """All that survives. Entries have consecutive indexes and leave no hole behind the snapshot."""

    hard_state: HardState = HardState()
    snapshot: Snapshot = Snapshot()
    entries: tuple[Entry, ...] = ()

    def whole(self) -> Persist:
        """One record that says everything, for the beginning of a new file."""
        return Persist(
            hard_state=self.hard_state, snapshot=self.snapshot, truncate_from=1, entries=self.entries
        )


def recover(records: Iterable[Persist]) -> Durable:
    """What the records, in the order in which they were written, add up to.

    Raises DamagedLogError if entries are missing between them.
    """
    state = _Folding()
    for record in records:
        state.take(record)
    return Durable(hard_state=state.hard_state, snapshot=state.snapshot, entries=tuple(state.entries))


class _Folding:
    """Records put on top of each other."""

    def __init__(self) -> None:
        self.hard_state = HardState()
        self.snapshot = Snapshot()
        self.entries: list[Entry] = []

    def take(self, record: Persist) -> None:
        """One more record."""
        if record.snapshot is not None:
            self.snapshot = record.snapshot
        if record.keep_from is not None:
            self._forget_below(record.keep_from)
        if record.truncate_from is not None:
            self._cut(record.truncate_from)
        self.entries.extend(record.entries)
        if record.hard_state is not None:
            self.hard_state = record.hard_state
        self._check(len(record.entries))

    def _forget_below(self, index: int) -> None:
        if self.entries and index > self.entries[0].index:
            del self.entries[: index - self.entries[0].index]

    def _cut(self, index: int) -> None:
        if self.entries:
            del self.entries[max(0, index - self.entries[0].index) :]

    def _check(self, added: int) -> None:
        """No hole: not between the entries, and not between the snapshot and the first of them."""
        if not self.entries:
            return
        first, last = self.entries[0].index, self.entries[-1].index
        if first > self.snapshot.index + 1:
            raise DamagedLogError(
                f"the log has a hole: a snapshot up to {self.snapshot.index}, then entries from {first} on"
            )
        if last < self.snapshot.index or last - first + 1 != len(self.entries):
            raise DamagedLogError(
                f"the log has a hole before entry {last}, behind {len(self.entries) - added} entries"
            )


def encode(record: Persist) -> bytes:
    """A record as bytes."""
    return _encoder.encode(record)


def decode(data: bytes) -> Persist:
    """A record from bytes. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _decoder.decode(data)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Persist)
