"""Log: the entries in memory, how far they are committed, and the snapshot before them.

What holds of it (Ongaro & Ousterhout 2014, 5.3): if two logs have an entry of the same index and term, they
are the same up to there. `accept` keeps that so: it compares the place before the new entries, and then cuts
only what conflicts. An entry that is there already stays, with all behind it, for the message may be older
than they are.

Entries stay for a while behind the snapshot that covers them, so that a follower that was away shortly needs
no snapshot (section 7). The place before the first entry is the log's base; its term is known, its data is
not.

Not here: files (`durable` says what to write), and who may commit (`leadership`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from reference.raft.durable import Durable, Entry, HardState, Persist, Snapshot

_MOST_ENTRIES = 512
_MOST_BYTES = 1 << 20


class Log:
    """One member's log. `commit_index` never goes down; nothing up to it changes any more."""

    def __init__(self, durable: Durable) -> None:
        self.snapshot = durable.snapshot
        self.commit_index = durable.snapshot.index
        self._base_index, self._base_term, self._entries = _opened(durable)
        self._told_snapshot = self.snapshot
        self._told_base = self._base_index
        self._told_last = self.last_index
        self._changed_from = self.last_index + 1

    @property
    def base_index(self) -> int:
        """The place before the first entry that is still here."""
        return self._base_index

    @property
    def last_index(self) -> int:
        """The last entry's index."""
        return self._base_index + len(self._entries)

    @property
    def last_term(self) -> int:
        """The last entry's term."""
        return self._entries[-1].term if self._entries else self._base_term

    def term(self, index: int) -> int | None:
        """The term of the entry at `index`; None if it is not here: not yet, or no longer."""
        if index == self._base_index:
            return self._base_term
        position = index - self._base_index - 1
        return self._entries[position].term if 0 <= position < len(self._entries) else None

    def between(self, first: int, last: int) -> tuple[Entry, ...]:
        """The entries `first` up to and including `last`."""
        return tuple(self._entries[first - self._base_index - 1 : last - self._base_index])

    def batch(self, first: int) -> tuple[Entry, ...]:
        """Entries from `first` on, as many as one message should carry."""
        position, size = first - self._base_index - 1, 0
        for end in range(position, min(position + _MOST_ENTRIES, len(self._entries))):
            size += len(self._entries[end].data)
            if size > _MOST_BYTES and end > position:
                return tuple(self._entries[position:end])
        return tuple(self._entries[position : position + _MOST_ENTRIES])

    def append(self, term: int, data: bytes) -> Entry:
        """A leader's new entry."""
        entry = Entry(self.last_index + 1, term, data)
        self._entries.append(entry)
        return entry

    def accept(self, prev_index: int, prev_term: int, entries: Sequence[Entry]) -> int | None:
        """A leader's entries behind `prev_index`.

        Up to where the logs agree now, or None if not even there.
        """
        if not self._matches(prev_index, prev_term):
            return None
        for position, entry in enumerate(entries):
            if entry.index > self._base_index and self.term(entry.index) != entry.term:
                self._replace_from(entry.index, entries[position:])
                break
        return max(prev_index + len(entries), self._base_index)

    def _matches(self, prev_index: int, prev_term: int) -> bool:
        """Whether the place before the entries is the leader's.

        What lies before the base is committed: it is.
        """
        return prev_index < self._base_index or self.term(prev_index) == prev_term

    def _replace_from(self, index: int, entries: Sequence[Entry]) -> None:
        """Cut from `index` on, and append."""
        del self._entries[index - self._base_index - 1 :]
        self._entries.extend(entries)
        self._changed_from = min(self._changed_from, index)

    def conflict(self, prev_index: int) -> tuple[int, int]:
        """The hint for a leader whose `prev_index` does not match.

        First index and term of what is there instead.
        """
        term = self.term(prev_index)
        if term is None:
            return self.last_index + 1, 0
        first = self._base_index + 1 + bisect_left(self._entries, term, key=_term)
        return max(first, self.commit_index + 1), term

    def end_of_term(self, term: int) -> int | None:
        """The last index of a term that has entries here; None if it has none."""
        end = bisect_right(self._entries, term, key=_term)
        return self._base_index + end if end and self._entries[end - 1].term == term else None

    def compact(self, snapshot: Snapshot, keep_from: int) -> None:
        """Remember a snapshot of what is committed; entries before it go, those from `keep_from` on stay."""
        self.snapshot = snapshot
        base = min(keep_from - 1, snapshot.index)
        if base > self._base_index:
            base_term = self.term(base)
            assert base_term is not None, f"entry {base} is covered by a snapshot, but was never here"
            del self._entries[: base - self._base_index]
            self._base_index, self._base_term = base, base_term

    def install(self, snapshot: Snapshot) -> bool:
        """A leader's snapshot that is ahead of the commit index; whether it replaced the log.

        It does not if the entry that it ends with is here, for then so are all before it (section 7, figure
        13).
        """
        replaces = self.term(snapshot.index) != snapshot.term
        if replaces:
            self.snapshot = snapshot
            self._entries = []
            self._base_index, self._base_term = snapshot.index, snapshot.term
            self._changed_from = 1
        self.commit_index = snapshot.index
        return replaces

    def changes(self, hard_state: HardState | None) -> Persist | None:
        """What is to be written down since the last call, with a hard state if that has changed.

        None: nothing.
        """
        first, last, told_last = self._changed_from, self.last_index, self._told_last
        record = Persist(
            hard_state=hard_state,
            snapshot=self.snapshot if self.snapshot is not self._told_snapshot else None,
            keep_from=self._base_index + 1 if self._base_index != self._told_base else None,
            truncate_from=first if first <= told_last else None,
            entries=self.between(max(first, self._base_index + 1), last),
        )
        self._told_snapshot, self._told_base, self._told_last = self.snapshot, self._base_index, last
        self._changed_from = last + 1
        return record if record != _NO_CHANGE else None


_NO_CHANGE = Persist()


def _term(entry: Entry) -> int:
    return entry.term


def _opened(durable: Durable) -> tuple[int, int, list[Entry]]:
    """Base and entries of a recovered log.

    If entries behind the snapshot have survived, the first of them becomes the base, because the term of the
    one before it is not written down anywhere.
    """
    entries, snapshot = list(durable.entries), durable.snapshot
    if entries and entries[0].index <= snapshot.index:
        return entries[0].index, entries[0].term, entries[1:]
    return snapshot.index, snapshot.term, entries
