"""The machine's clocks."""

from __future__ import annotations

import asyncio
import time


class RealClock:
    """Time as the operating system tells it."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)
