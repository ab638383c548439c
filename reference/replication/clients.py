"""Clients: the followers that a leader has heard of, and the piece of the log each of them still needs.

A follower makes itself known by asking: every dump batch and every tail request carries its ids. From then
on the log is kept from the tick it has reached, for as long as its time to live runs. That is all a leader
knows: the list says who asked lately, not who takes part (LF-LOOSE). It is not stored, so a restarted
leader has forgotten them, and may prune what they need (LF-REQUIRE-PRESENT is what saves them then).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reference.replication.state import timestamp
from reference.storage.log import Log
from reference.world import Clock

TAIL_TTL_S = 7200.0


@dataclass(frozen=True, slots=True)
class Follower:
    """Who asks. `syncer_id` tells apart several appliers of one server."""

    server_id: str
    syncer_id: str = ""
    client_info: str = ""

    @property
    def is_named(self) -> bool:
        """Whether the leader can remember it."""
        return bool(self.server_id) and self.server_id != "none"

    @property
    def pin(self) -> str:
        """The name of its pin in the log."""
        return f"follower {self.server_id} {self.syncer_id}"


class Clients:
    """The followers of one server."""

    def __init__(self, clock: Clock, log: Log) -> None:
        self._clock = clock
        self._log = log
        self._known: dict[str, tuple[Follower, int]] = {}

    def saw(self, follower: Follower, tick: int, ttl_s: float = TAIL_TTL_S) -> None:
        """A follower has everything up to `tick` and may come back within `ttl_s`."""
        if follower.is_named:
            self._log.pin(follower.pin, tick, ttl_s)
            self._known[follower.pin] = follower, self._clock.wall_ns()

    def shown(self) -> list[dict[str, Any]]:
        """The member `clients` of the leader's state: those whose time has not run out."""
        pins = {pin.client_id: pin for pin in self._log.pins()}
        self._known = {name: known for name, known in self._known.items() if name in pins}
        return [
            {
                "syncerId": follower.syncer_id,
                "serverId": follower.server_id,
                "clientInfo": follower.client_info,
                "time": timestamp(seen_ns),
                "expires": timestamp(seen_ns + int(pins[name].ttl_s * 1e9)),
                "lastServedTick": str(pins[name].tick),
            }
            for name, (follower, seen_ns) in sorted(self._known.items())
        ]
