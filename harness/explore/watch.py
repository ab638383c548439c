"""Watches: how a campaign comes on. On a terminal one line that changes, elsewhere plain lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from harness.explore.campaign import Tally
from harness.explore.life import Outcome
from harness.explore.summary import totals

_PLAIN_S = 10.0


class Silent:
    """Shows nothing."""

    def begun(self, tally: Tally) -> None:
        """Silence."""

    def lived(self, tally: Tally, seen: Outcome) -> None:
        """Silence."""


class Plain:
    """A line every ten seconds, and one for each kind of violation when it is first seen."""

    def __init__(self, stream: TextIO, every_s: float = _PLAIN_S) -> None:
        self._stream = stream
        self._every_s = every_s
        self._next_s = 0.0
        self._kinds = 0

    def begun(self, tally: Tally) -> None:
        """The first line is due in a while."""
        self._next_s = tally.began + self._every_s

    def lived(self, tally: Tally, seen: Outcome) -> None:
        """A line if one is due."""
        if seen.verdict == "invalid" and len(tally.violations) > self._kinds:
            self._kinds = len(tally.violations)
            self._say(f"seed {seen.seed}: {seen.fingerprints[0] if seen.fingerprints else ''}: {seen.note}")
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + self._every_s
            self._say(progress(tally))

    def _say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class Terminal(Plain):
    """The line at the bottom changes with every life."""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While the block runs."""
        # Imported here because it takes a tenth of a second that no other command should pay.
        from rich.console import Console  # noqa: PLC0415
        from rich.live import Live  # noqa: PLC0415

        console = Console(file=self._stream)
        with Live(console=console, refresh_per_second=4, transient=True, redirect_stderr=False) as self._live:
            yield

    def lived(self, tally: Tally, seen: Outcome) -> None:
        """Show how far it is."""
        if seen.verdict == "invalid" and len(tally.violations) > self._kinds:
            self._kinds = len(tally.violations)
            self._live.console.print(f"seed {seen.seed}: {seen.note}", markup=False, highlight=False)
        self._live.update(progress(tally))


def progress(tally: Tally) -> str:
    """Lives by verdict, and how fast it goes."""
    counts, sums = tally.counts, totals(tally)
    passed_s, cpu_s = max(time.monotonic() - tally.began, 1e-9), sums.cpu_s or 1
    return (
        f"{sums.lives:,} lives: {counts['valid']:,} valid  {counts['invalid']:,} violations  "
        f"{counts['unknown']:,} inconclusive  {counts['crashed']:,} crashed | "
        f"{sums.lives / passed_s:.1f} seeds/s, {sums.virtual_s / cpu_s:.0f} virtual s and "
        f"{sums.messages / cpu_s:,.0f} messages per CPU s"
    )
