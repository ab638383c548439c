"""Progress: what a run is doing now, for the person who waits.

On a terminal one line that changes every second, elsewhere a plain line every ten seconds and at each phase.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import TextIO

from checkers.history import NEMESIS, Op

_PLAIN_S = 10.0


class Progress:
    """Counts what is recorded and says it. Without a stream it is silent."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._counts: Counter[str] = Counter()
        self._phase = ""
        self._phase_began = 0.0
        self._previous = (0.0, 0)
        self.faults_in_force: Callable[[], tuple[str, ...]] = tuple

    def phase(self, name: str) -> None:
        """A phase begins."""
        self._phase = name
        self._phase_began = asyncio.get_running_loop().time()
        if self._stream is not None and not self._stream.isatty():
            print(f"{name} ...", file=self._stream, flush=True)

    def record(self, op: Op) -> None:
        """An operation was recorded."""
        if op.process != NEMESIS and op.type != "invoke":
            self._counts[op.type] += 1

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Shows progress as long as the block runs."""
        if self._stream is None:
            yield
            return
        self._previous = (asyncio.get_running_loop().time(), self._counts["ok"])
        shown = self._on_terminal(self._stream) if self._stream.isatty() else self._plainly(self._stream)
        task = asyncio.create_task(shown)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _plainly(self, stream: TextIO) -> None:
        while True:
            await asyncio.sleep(_PLAIN_S)
            print(self.line(), file=stream, flush=True)

    async def _on_terminal(self, stream: TextIO) -> None:
        # Imported here because it takes a tenth of a second that no other command should pay.
        from rich.console import Console  # noqa: PLC0415
        from rich.live import Live  # noqa: PLC0415

        with Live(console=Console(file=stream), auto_refresh=False, transient=True) as live:
            while True:
                live.update(self.line(), refresh=True)
                await asyncio.sleep(1)

    def line(self) -> str:
        """Phase, outcomes so far, successes per second since the last line, faults in force."""
        now = asyncio.get_running_loop().time()
        since, before = self._previous
        ok = self._counts["ok"]
        rate = (ok - before) / (now - since) if now > since else 0.0
        self._previous = (now, ok)
        faults = ", ".join(self.faults_in_force()) or "no fault"
        return (
            f"{self._phase} {now - self._phase_began:3.0f} s | {ok} ok  {self._counts['fail']} fail  "
            f"{self._counts['info']} info | {rate:.0f} ok/s | {faults} in force"
        )
