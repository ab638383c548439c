"""Lease: until when this server may answer as leader (see the package for why that is safe).

All by this server's monotonic clock. The moment that counts is the one before the renewal was sent.
"""

from __future__ import annotations

from typing import Any

from reference.world import Clock

DRIFT = 0.05
"""The assumption: no clock's rate is wrong by more than this part."""


def waiting_s(length_s: float) -> float:
    """How long somebody else must wait, after having seen a lease of `length_s`, to know that it is over."""
    return length_s * (1 + DRIFT) / (1 - DRIFT)


class Lease:
    """One server's lease."""

    def __init__(self, clock: Clock, length_s: float) -> None:
        self._clock = clock
        self.length_s = length_s
        self._ends_ns: int | None = None

    @property
    def is_valid(self) -> bool:
        """Whether this server may answer as leader now."""
        return self._ends_ns is not None and self._clock.monotonic_ns() < self._ends_ns

    def renewed(self, sent_ns: int) -> None:
        """The agency has confirmed a renewal that was sent at `sent_ns`."""
        self._ends_ns = max(self._ends_ns or 0, sent_ns + int(self.length_s * 1e9))

    def give_up(self) -> None:
        """From now on this server is no leader, whatever was confirmed."""
        self._ends_ns = None


class Watch:
    """Since when a record of somebody's lease has been the same, as this server saw it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._record: Any = None
        self._since_ns = clock.monotonic_ns()

    def saw(self, record: Any) -> None:
        """The record has this value now."""
        if record != self._record:
            self._record = record
            self._since_ns = self._clock.monotonic_ns()

    @property
    def unchanged_s(self) -> float:
        """Seconds since the present value was first seen."""
        return (self._clock.monotonic_ns() - self._since_ns) / 1e9

    def is_over(self, grace_s: float = 0.0) -> bool:
        """Whether the lease has certainly ended, and `grace_s` have passed since it was first seen.

        A record that was released, or that there never was, has ended (`grace_s` does not matter then).
        """
        record = self._record
        if not isinstance(record, dict) or record.get("released"):
            return True
        return self.unchanged_s >= max(grace_s, waiting_s(float(record.get("seconds", 0.0))))
