"""Budget: what is left of a check's limits while it works.

A limit that is looked at only afterwards is none, so a checker asks during its search. Memory is not measured
but accounted: a checker charges what it keeps, at the sizes of CPython's objects, before it keeps it. The
history itself is the caller's and is not counted.
"""

from __future__ import annotations

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
            mib = self._memory / 2**20
            raise LimitReachedError(f"the memory limit of {mib:g} MB was reached")

    def check_time(self) -> None:
        """Raises LimitReachedError when the time is over."""
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise LimitReachedError("the time limit was reached")
