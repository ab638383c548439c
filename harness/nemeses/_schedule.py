"""Schedule: calm, fault, calm, fault, ... until the time limit, ending healed.

The length of each is drawn evenly between half and one and a half of the mean. A fault's time begins when its
start has completed, so that a slow injection does not shorten it; the same goes for calm. While another
family's fault is in force it is not calm, so families never overlap and never strike back to back.
"""

from __future__ import annotations

from random import Random

import msgspec

from checkers.history import NEMESIS, Op
from workloads.generator import PENDING, Answer, Context

_SECOND_NS = 1_000_000_000


class Schedule(msgspec.Struct, frozen=True):
    """Asks thread "nemesis" for start-FAMILY and stop-FAMILY in turn.

    `due` is when the next is due (ns), None while one is being done or others' faults are in force. No fault
    begins less than half a mean length before `limit`, and each is stopped before it. Lengths come from
    `seed` and `step` alone, so that asking twice gives one answer.
    """

    family: str
    interval_s: float
    limit: int
    seed: int
    step: int = 0
    due: int | None = 0
    faulty: bool = False

    def op(self, context: Context) -> Answer:
        """The next start or stop, at its time."""
        if self.due is None or NEMESIS not in context.free:
            return PENDING, self
        if not self.faulty and self.due + self._mean // 2 > self.limit:
            return None
        f = f"{'stop' if self.faulty else 'start'}-{self.family}"
        op = Op(index=-1, time=max(self.due, context.time), process=NEMESIS, type="invoke", f=f)
        return op, msgspec.structs.replace(self, due=None, step=self.step + 1)

    def update(self, context: Context, event: Op) -> Schedule:  # noqa: ARG002 - the protocol's signature
        """Once an operation has completed, say when the next is due."""
        if event.process != NEMESIS or event.type == "invoke":
            return self
        verb, _, family = event.f.partition("-")
        if verb == "start" and family == self.family:
            end = event.time + self._length(self.step)
            return msgspec.structs.replace(self, faulty=True, due=min(end, self.limit - self._mean // 20))
        if self.faulty and family != self.family:
            return self
        if verb == "start":
            return msgspec.structs.replace(self, due=None)
        return msgspec.structs.replace(self, faulty=False, due=event.time + self._length(self.step))

    @property
    def _mean(self) -> int:
        return int(self.interval_s * _SECOND_NS)

    def _length(self, step: int) -> int:
        """How long the calm or fault after `step` operations lasts, in ns."""
        draw = Random(f"{self.seed}/{self.family}/{step}").uniform(0.5, 1.5)
        return int(draw * self._mean)


def schedule(family: str, *, interval_s: float, time_limit_s: float, random: Random) -> Schedule:
    """A schedule that begins with calm. `interval_s` is the mean length of faults and of calms."""
    begin = Schedule(family, interval_s, int(time_limit_s * _SECOND_NS), random.getrandbits(64))
    return msgspec.structs.replace(begin, due=begin._length(0))
