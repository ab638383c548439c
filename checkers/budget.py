"""Budget: what is left of a check's limits while it works.

A limit that is looked at only afterwards is none, so a checker asks during its search. Memory is not measured
but accounted: a checker charges what it keeps, at the sizes of CPython's objects, before it keeps it. The
history itself is the caller's and is not counted.
"""

from __future__ import annotations

import math
import sys
import time

from checkers.verdict import Limits


class LimitReachedError(Exception):
    """A limit was reached; the message says which one."""


class Budget:
    """Counts time from its making and memory as it is charged."""

    def __init__(self, limits: Limits) -> None:
        self._deadline = None if limits.time_s is None else time.monotonic() + limits.time_s
        self._memory = limits.memory_bytes
        self.charged = 0

    def charge(self, size: int) -> None:
        """Take `size` bytes; a negative size gives them back. Raises LimitReachedError."""
        self.charged += size
        if self._memory is not None and self.charged > self._memory:
            raise LimitReachedError(self.memory_over)

    def check_time(self) -> None:
        """Raises LimitReachedError when the time is over."""
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise LimitReachedError(self.time_over)

    @property
    def seconds_left(self) -> float:
        """Until the deadline; infinite without one."""
        return math.inf if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    @property
    def bytes_left(self) -> int:
        """What may still be charged."""
        return sys.maxsize // 2 if self._memory is None else max(0, self._memory - self.charged)

    @property
    def time_over(self) -> str:
        """The words for the end of the time."""
        return "the time limit was reached"

    @property
    def memory_over(self) -> str:
        """The words for the end of the memory."""
        return f"the memory limit of {(self._memory or 0) / 2**20:g} MB was reached"
