"""Which segments may go: closed long enough, covered by a checkpoint, and needed by no registered client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reference.storage.segment import Segment
from reference.storage.settings import StorageOptions
from reference.world import Clock


@dataclass(frozen=True, slots=True)
class Pin:
    """A client for whose sake records after `tick` are kept until `expires_ns` (monotonic time)."""

    client_id: str
    tick: int
    expires_ns: int
    ttl_s: float


class Retention:
    """The clients' pins, and the rule."""

    def __init__(self, clock: Clock, options: StorageOptions) -> None:
        self._clock = clock
        self._options = options
        self._started_ns = clock.monotonic_ns()
        self._pins: dict[str, Pin] = {}

    def pin(self, client_id: str, tick: int, ttl_s: float) -> None:
        """Keep records after `tick` for this client for `ttl_s`."""
        expires_ns = self._clock.monotonic_ns() + int(ttl_s * 1e9)
        self._pins[client_id] = Pin(client_id, tick, expires_ns, ttl_s)

    def unpin(self, client_id: str) -> None:
        """Forget a client."""
        self._pins.pop(client_id, None)

    def pins(self) -> list[Pin]:
        """Pins that have not expired; the expired ones are forgotten."""
        now = self._clock.monotonic_ns()
        self._pins = {name: pin for name, pin in self._pins.items() if pin.expires_ns > now}
        return list(self._pins.values())

    def removable(self, segments: Sequence[Segment], checkpoint_tick: int) -> int:
        """How many of the oldest segments may be removed."""
        now = self._clock.monotonic_ns()
        if now - self._started_ns < self._options.wal_file_timeout_initial_s * 1e9:
            return 0
        needed_after = min([checkpoint_tick, *(pin.tick for pin in self.pins())])
        count = 0
        for segment in segments:
            if segment.closed_ns is None or segment.last_tick > needed_after:
                break
            if now - segment.closed_ns < self._options.wal_file_timeout_s * 1e9:
                break
            count += 1
        return count
