"""ActiveFailover: the supervision's job. It names another leader when one has failed.

The predecessor is the server that led last; the candidates are the healthy ones that report a whole copy of
its log, and the one that has most of it wins (ticks are numbers: "9" does not beat "10"). It is named only
when nobody can hold a lease any more (see the package): the record has been the same for the grace period and
for the lease's own length and more, as seen by this very supervision, and the write demands that it still is.
A leader that has released its lease is replaced at once.

Without a candidate nothing is done but to look again in the next round: no leader is better than one whose
data are not whole. The record is renewed in the name of the new leader, so it gets the same time to take over
before it is replaced in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from reference.agency.supervision import Round, Status
from reference.failover import keys
from reference.failover.lease import Watch
from reference.world import World


class ActiveFailover:
    """The job, for one agent. `grace_s` is the agency's grace period."""

    def __init__(self, world: World, grace_s: float, tell: Callable[[str, str], object]) -> None:
        self._world = world
        self._grace_s = grace_s
        self._tell = tell
        self._term = -1
        self._watch = Watch(world.clock)
        self._waiting = ""

    async def __call__(self, this: Round) -> None:
        """One round."""
        if this.term != self._term:
            self._term, self._watch = this.term, Watch(self._world.clock)
        record = this.get(keys.LEASE)
        self._watch.saw(record)
        leader = this.get(keys.LEADER, "")
        if not leader or not self._is_gone(this, leader, record):
            self._waiting = ""
            return
        predecessor = this.get(keys.FOXXMASTER, "") or leader
        candidates = self._candidates(this, leader, predecessor)
        if candidates:
            await self._name(this, leader, record, candidates)
        elif self._waiting != leader:
            self._waiting = leader
            self._tell("warning", f"{leader} has failed, but no healthy server has a whole copy of its data")

    def _is_gone(self, this: Round, leader: str, record: Any) -> bool:
        """Whether the leader has released its lease, or has failed and certainly holds none."""
        if isinstance(record, dict) and record.get("released"):
            return bool(record.get("holder") == leader)
        return this.health.get(leader) is Status.FAILED and self._watch.is_over(self._grace_s)

    def _candidates(self, this: Round, leader: str, predecessor: str) -> list[tuple[int, str]]:
        """(tick, server) of those who may lead, the best one first."""
        found = []
        for server, position in this.get_transient(keys.POSITIONS, {}).items():
            follows = isinstance(position, dict) and position.get("leader") == predecessor
            if follows and server != leader and this.health.get(server) is Status.GOOD:
                found.append((int(position["lastTick"]), server))
        return sorted(found, key=lambda candidate: (-candidate[0], candidate[1]))

    async def _name(self, this: Round, leader: str, record: Any, candidates: list[tuple[int, str]]) -> None:
        tick, winner = candidates[0]
        seconds = record.get("seconds", 0.0) if isinstance(record, dict) else 0.0
        number = f"{self._world.random.getrandbits(64):016x}"
        time = datetime.fromtimestamp(self._world.clock.wall_ns() / 1e9, UTC).strftime(
            "%Y-%m-%dT%H:%M:%S.%fZ"
        )
        job = {
            "type": "activeFailover",
            "jobId": number,
            "creator": "supervision",
            "fromServer": leader,
            "toServer": winner,
            "lastTick": tick,
            "timeFinished": time,
        }
        operations = {
            keys.LEADER: {"op": "set", "new": winner},
            keys.LEASE: {
                "op": "set",
                "new": {
                    "holder": winner,
                    "life": number,
                    "renewal": 0,
                    "seconds": seconds,
                    "released": False,
                },
            },
            f"{keys.FINISHED}/{number}": {"op": "set", "new": job},
        }
        preconditions = {
            keys.LEADER: {"old": leader},
            keys.LEASE: {"oldEmpty": True} if record is None else {"old": record},
        }
        if await this.write(operations, preconditions) is not None:
            others = ", ".join(f"{server} at {reached}" for reached, server in candidates[1:]) or "none"
            self._tell(
                "info", f"{leader} is replaced as leader by {winner}, at tick {tick} (others: {others})"
            )
