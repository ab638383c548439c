"""Trace: everything that happened in a simulated world, as one hash and, when asked for, as lines."""

from __future__ import annotations

import hashlib


class Trace:
    """A hash over events in their order. Two runs with equal hashes did the same, message by message."""

    def __init__(self, *, keep: bool = False) -> None:
        self.events = 0
        self.lines: list[str] | None = [] if keep else None
        self._hash = hashlib.sha256()

    def add(self, line: str) -> None:
        """Record one event; `line` must not depend on anything but the seed and the code."""
        self.events += 1
        self._hash.update(f"{line}\n".encode())
        if self.lines is not None:
            self.lines.append(line)

    @property
    def sha256(self) -> str:
        """The hash so far, in hexadecimal."""
        return self._hash.hexdigest()
