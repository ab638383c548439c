"""Progress: one follower as its leader knows it.

The paper's `matchIndex` and `nextIndex` (Ongaro & Ousterhout 2014, figure 2), and how entries are sent
meanwhile: a follower whose log is not known is probed with one message at a time; one that follows gets
entries as they come, without waiting for answers; one that is too far behind gets a snapshot.

Not here: messages (`leadership`).
"""

from __future__ import annotations

from dataclasses import dataclass

_WINDOW = 4096
"""Entries that may be on their way to one follower."""


@dataclass(slots=True)
class Progress:
    """`match`: the logs agree up to there, for certain. `next`: where to send from; a guess."""

    next: int
    match: int = 0
    round: int = 0
    """The last round of heartbeats that was answered."""
    silent_ticks: int = 0
    """How long it has not answered."""
    probing: bool = True
    asked: bool = False
    """A probe is on its way."""
    snapshot: int | None = None
    """The index of the snapshot that is on its way."""
    waited_ticks: int = 0
    """How long that has been on its way."""

    def wants(self, last_index: int) -> bool:
        """Whether entries should be sent now."""
        if self.snapshot is not None or self.next > last_index:
            return False
        return not self.asked if self.probing else self.next - self.match <= _WINDOW

    def sent(self, count: int) -> None:
        """Entries have been sent."""
        if self.probing:
            self.asked = True
        else:
            self.next += count

    def sent_snapshot(self, index: int) -> None:
        """A snapshot has been sent."""
        self.snapshot, self.waited_ticks = index, 0

    def agreed(self, index: int) -> None:
        """The follower's log agrees up to `index`.

        An answer that was overtaken by a later one takes nothing back.
        """
        self.match = max(self.match, index)
        self.next = max(self.next, self.match + 1)
        self.asked = False
        if self.snapshot is not None and self.match >= self.snapshot:
            self.snapshot = None
        if self.match == self.next - 1:
            self.probing = False

    def refused(self, at: int) -> None:
        """The follower did not have what it needed; it may have the entries before `at`.

        An old refusal makes the leader send something twice, no more: what has matched stays matched.
        """
        if self.snapshot is None:
            self.next = max(self.match + 1, min(self.next, at))
            self.probing, self.asked = True, False
