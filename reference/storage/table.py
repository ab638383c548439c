"""A table with several versions per key (MVCC): readers of a snapshot and writers never wait for each other.

A key leads to its newest version, and that to older ones, as long as a live snapshot needs them. Version
`v` with successor `s` is needed iff some live snapshot lies in [v.tick, s.tick). A removal is a version
without body; the last version of a removed key goes when no live snapshot is older.

Bytes per document matter here: versions are not tracked by the garbage collector (chains have no cycles).
"""

from __future__ import annotations

from bisect import bisect_left, insort

import msgspec


class Version(msgspec.Struct, gc=False):
    """A document as written at `tick`; `body` None: removed."""

    tick: int
    revision: int
    body: bytes | None
    older: Version | None = None


class LiveTicks:
    """The ticks at which somebody still reads, with multiplicity."""

    __slots__ = ("_ticks",)

    def __init__(self) -> None:
        self._ticks: list[int] = []

    def __len__(self) -> int:
        return len(self._ticks)

    def pin(self, tick: int) -> None:
        """Keep what is visible at `tick`."""
        insort(self._ticks, tick)

    def unpin(self, tick: int) -> bool:
        """Let go once; True if the oldest live tick has changed by it."""
        position = bisect_left(self._ticks, tick)
        assert self._ticks[position] == tick, "a tick is released as often as it was pinned"
        self._ticks.pop(position)
        return position == 0 and (not self._ticks or self._ticks[0] != tick)

    def any_in(self, first: int, after_last: int) -> bool:
        """Whether a live tick lies in [first, after_last)."""
        position = bisect_left(self._ticks, first)
        return position < len(self._ticks) and self._ticks[position] < after_last

    def any_before(self, tick: int) -> bool:
        """Whether a live tick is smaller than `tick`."""
        return bool(self._ticks) and self._ticks[0] < tick


class Table:
    """Documents of one collection by key."""

    __slots__ = ("_chained", "_live", "_newest", "count")

    def __init__(self, live: LiveTicks) -> None:
        self._live = live
        self._newest: dict[str, Version] = {}
        self._chained: dict[str, None] = {}  # keys with older versions or a tombstone; ordered, unlike a set
        self.count = 0

    def newest(self, key: str) -> Version | None:
        """The newest version, which may be a removal."""
        return self._newest.get(key)

    def newest_bodies(self) -> list[bytes]:
        """The documents as they are now, in order of their keys' first insertion."""
        return [version.body for version in self._newest.values() if version.body is not None]

    def at(self, key: str, tick: int) -> Version | None:
        """The document as a snapshot at `tick` sees it; None if it sees none."""
        version = self._newest.get(key)
        while version is not None and version.tick > tick:
            version = version.older
        return version if version is not None and version.body is not None else None

    def all_keys(self) -> list[str]:
        """All keys, also those that only a snapshot still sees, in order of first insertion."""
        return list(self._newest)

    def write(self, key: str, tick: int, revision: int, body: bytes | None) -> None:
        """Add a version newer than all of this key."""
        old = self._newest.get(key)
        if body is not None:
            self.count += old is None or old.body is None
        elif old is not None:
            self.count -= old.body is not None
        if not self._live:
            if body is not None:
                self._newest[key] = Version(tick, revision, body)
            elif old is not None:
                del self._newest[key]
            return
        version = Version(tick, revision, body, old)
        self._newest[key] = version
        self._chained[key] = None
        self._trim(key, version)

    def clear(self, tick: int, revision: int) -> None:
        """Remove every document at `tick`."""
        if not self._live:
            self._newest.clear()
            self._chained.clear()
            self.count = 0
            return
        for key in self.all_keys():
            if self._newest[key].body is not None:
                self.write(key, tick, revision, None)

    def rewrite(self, key: str, body: bytes) -> None:
        """Change the spelling of the newest version (a renamed collection changes `_id`)."""
        self._newest[key].body = body

    def prune(self) -> None:
        """Drop all versions that no live snapshot needs."""
        for key in list(self._chained):
            self._trim(key, self._newest[key])

    def _trim(self, key: str, newest: Version) -> None:
        version = newest
        while (older := version.older) is not None:
            if self._live.any_in(older.tick, version.tick):
                version = older
            else:
                version.older = older.older
        if newest.body is None and newest.older is None and not self._live.any_before(newest.tick):
            del self._newest[key]
            del self._chained[key]
        elif newest.body is not None and newest.older is None:
            del self._chained[key]
