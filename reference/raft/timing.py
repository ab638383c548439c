"""Timing: a member's patience, in ticks of its own clock.

The paper's requirement: a broadcast takes much less than an election timeout, and that much less than the
time between failures (Ongaro & Ousterhout 2014, 5.6). Not here: how long a tick is (the driver).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Each election timeout is drawn from `election_ticks_min` up to and including `election_ticks_max`.

    A leader sends heartbeats every `heartbeat_ticks`, and steps down if it hears no majority for
    `election_ticks_min`. Raises ValueError if a heartbeat would come too late for its followers.
    """

    heartbeat_ticks: int = 1
    election_ticks_min: int = 10
    election_ticks_max: int = 20

    def __post_init__(self) -> None:
        if not 0 < self.heartbeat_ticks < self.election_ticks_min <= self.election_ticks_max:
            raise ValueError(f"need 0 < heartbeat < shortest <= longest election timeout, not {self}")
