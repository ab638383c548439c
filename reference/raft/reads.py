"""Reads: linearizable reads without an entry in the log (read index: Ongaro's thesis, 6.4).

A leader may be deposed without knowing it. So it notes its commit index, then has a majority confirm in a
round of heartbeats that they still follow it: at the moment of its note nobody else can have committed
anything. Reads that come in during a round wait for the next one, for it began before they did.

Not here: the heartbeats, and why a new leader must wait at first (`leadership`).
"""

from __future__ import annotations


class Reads:
    """The reads of one leader. Rounds are numbered from 1."""

    def __init__(self) -> None:
        self.round = 0
        self._waiting: list[int] = []
        self._asked: list[int] = []
        self._index = 0

    def add(self, id: int) -> None:  # noqa: A002 - as in the event
        """A new read."""
        self._waiting.append(id)

    def begin(self, commit_index: int) -> bool:
        """Begin a round for all who wait; whether there is one to begin."""
        if self._asked or not self._waiting:
            return False
        self.round += 1
        self._asked, self._waiting, self._index = self._waiting, [], commit_index
        return True

    def confirm(self, round: int) -> tuple[tuple[int, ...], int] | None:  # noqa: A002 - as in the message
        """A majority has answered `round` or a later one: the reads that may be answered, and their index."""
        if not self._asked or round < self.round:
            return None
        ids, self._asked = tuple(self._asked), []
        return ids, self._index

    def abandoned(self) -> tuple[int, ...]:
        """All that have no answer."""
        return (*self._asked, *self._waiting)
