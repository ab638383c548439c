"""Context: what a generator may know when it is asked."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from random import Random

import msgspec

from checkers.history import NEMESIS, Process

Thread = int | str
"""Who acts: a worker, numbered from 0, or "nemesis". A worker acts as one process after the other."""


class View(msgspec.Struct):
    """Some of the processes, the views of parts of them, and what was worked out about them already.

    Nothing in here is more than a memory: who asks gets what working it out again would give.
    """

    processes: Mapping[Thread, Process]
    threads: Mapping[Process, Thread]
    views: dict[Hashable, View] = msgspec.field(default_factory=dict)
    divisions: dict[tuple[int, ...], list[View]] = msgspec.field(default_factory=dict)
    free_of_all: tuple[Thread, ...] | None = None
    free: tuple[Thread, ...] = ()

    @staticmethod
    def of(processes: Mapping[Thread, Process]) -> View:
        """The view of all of these."""
        return View(processes, {process: thread for thread, process in processes.items()})

    def free_among(self, free_of_all: tuple[Thread, ...]) -> tuple[Thread, ...]:
        """Which of these are free, in this order. As long as that is the same, so is the object."""
        if self.free_of_all is not free_of_all:
            self.free_of_all, inside = free_of_all, self.processes
            free = tuple([thread for thread in free_of_all if thread in inside])
            if free != self.free:
                self.free = free
        return self.free

    def divided(self, counts: tuple[int, ...]) -> list[View]:
        """The threads in stretches of so many each, the last one with all others."""
        known = self.divisions.get(counts)
        if known is not None:
            return known
        threads, stretches = tuple(self.processes), []
        for count in counts:
            stretches.append(threads[:count])
            threads = threads[count:]
        found = self.divisions[counts] = [_part(self, part, part) for part in (*stretches, threads)]
        return found

    def __len__(self) -> int:
        return len(self.processes)


class Context(msgspec.Struct, frozen=True):
    """The moment of asking: `time` in ns since the run began, the free threads in order, and who they are.

    `random` is the run's seeded source. It is the one thing here that changes when used. `view` remembers how
    `processes` and parts of them look, for as long as they stay what they are.
    """

    time: int
    free: tuple[Thread, ...]
    processes: Mapping[Thread, Process]
    random: Random
    view: View | None = None

    def restrict(self, threads: Sequence[Thread]) -> Context:
        """The same moment as only `threads` see it."""
        view = self._whole
        return self.seen_by(view.views.get(threads) or _part(view, threads, threads))

    def restrict_to(self, belongs: Callable[[Thread], bool]) -> Context:
        """The same moment as only the threads see it that `belongs` accepts."""
        view = self._whole
        known = view.views.get(belongs)
        return self.seen_by(known or _part(view, belongs, [t for t in self.processes if belongs(t)]))

    def divided(self, counts: tuple[int, ...]) -> list[View]:
        """All threads in stretches of so many each, the last one with all others."""
        return self._whole.divided(counts)

    def seen_by(self, view: View) -> Context:
        """The same moment as only the threads of a part of this context's view see it."""
        return Context(self.time, view.free_among(self.free), view.processes, self.random, view)

    def thread_of(self, process: Process) -> Thread | None:
        """The thread that acts as `process`, or None if nobody does any more."""
        return self._whole.threads.get(process)

    @property
    def _whole(self) -> View:
        return View.of(self.processes) if self.view is None else self.view

    @property
    def clients(self) -> tuple[Thread, ...]:
        """All threads but the nemesis."""
        return tuple(t for t in self.processes if t != NEMESIS)


def _part(view: View, name: Hashable, threads: Sequence[Thread]) -> View:
    """The view of some threads, remembered by a name."""
    keep = frozenset(threads)
    part = view.views[name] = View.of({t: p for t, p in view.processes.items() if t in keep})
    return part
