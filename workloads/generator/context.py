"""Context: what a generator may know when it is asked."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from random import Random

import msgspec

from checkers.history import NEMESIS, Process

Thread = int | str
"""Who acts: a worker, numbered from 0, or "nemesis". A worker acts as one process after the other."""


class View(msgspec.Struct, frozen=True):
    """Some of the processes, and the views of parts of them."""

    processes: Mapping[Thread, Process]
    threads: Mapping[Process, Thread]
    views: dict[Hashable, View] = msgspec.field(default_factory=dict)

    @staticmethod
    def of(processes: Mapping[Thread, Process]) -> View:
        """The view of all of these."""
        return View(processes, {process: thread for thread, process in processes.items()})


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
        return self._seen(view.views.get(threads) or _part(view, threads, threads))

    def restrict_to(self, belongs: Callable[[Thread], bool]) -> Context:
        """The same moment as only the threads see it that `belongs` accepts."""
        view = self._whole
        known = view.views.get(belongs)
        return self._seen(known or _part(view, belongs, [t for t in self.processes if belongs(t)]))

    def thread_of(self, process: Process) -> Thread | None:
        """The thread that acts as `process`, or None if nobody does any more."""
        return self._whole.threads.get(process)

    @property
    def _whole(self) -> View:
        return View.of(self.processes) if self.view is None else self.view

    def _seen(self, view: View) -> Context:
        inside = view.processes
        free = tuple([t for t in self.free if t in inside])
        return Context(self.time, free, inside, self.random, view)

    @property
    def clients(self) -> tuple[Thread, ...]:
        """All threads but the nemesis."""
        return tuple(t for t in self.processes if t != NEMESIS)


def _part(view: View, name: Hashable, threads: Sequence[Thread]) -> View:
    """The view of some threads, remembered by a name."""
    keep = frozenset(threads)
    part = view.views[name] = View.of({t: p for t, p in view.processes.items() if t in keep})
    return part
