"""The clocks of simulated hosts: a wall clock with an offset, and a steady one; drift speeds up or slows
both."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from harness.environments.simulation.loop import SECOND, Owner, SimulatedLoop

EPOCH_NS = 1_600_000_000 * SECOND
"""Where simulated time begins: a day in 2020, the same in every run."""


@dataclass(slots=True)
class HostClock:
    """What one host believes about time. `drift` is the rate's excess: 0.01 runs one percent fast."""

    loop: SimulatedLoop
    offset_ns: int = 0
    drift: float = 0.0
    _since_ns: int = 0
    _elapsed_ns: int = 0

    def steady_ns(self) -> int:
        """Nanoseconds of this host's oscillator since the world began; never goes back."""
        return self._elapsed_ns + round((self.loop.now_ns - self._since_ns) * (1 + self.drift))

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, as this host believes."""
        return EPOCH_NS + self.steady_ns() + self.offset_ns

    def set_drift(self, drift: float) -> None:
        """From now on run faster or slower. What sleeps already is not woken at another time."""
        self._elapsed_ns, self._since_ns = self.steady_ns(), self.loop.now_ns
        self.drift = drift

    def synchronize(self) -> None:
        """Go right again, as after a jump of NTP: the wall clock tells true time, and runs at the true
        rate."""
        self.set_drift(0.0)
        self.offset_ns = self.loop.now_ns - self.steady_ns()

    @property
    def error_ns(self) -> int:
        """How far the wall clock is off."""
        return self.wall_ns() - EPOCH_NS - self.loop.now_ns


@dataclass(frozen=True, slots=True)
class ServerClock:
    """The Clock door of one server."""

    host: HostClock
    owner: Owner

    def monotonic_ns(self) -> int:
        """The host's steady time."""
        return self.host.steady_ns()

    def wall_ns(self) -> int:
        """The host's wall time; a fault may move it."""
        return self.host.wall_ns()

    async def sleep(self, seconds: float) -> None:
        """Sleep by this host's clock."""
        self.owner.fence()
        await asyncio.sleep(seconds / (1 + self.host.drift))
