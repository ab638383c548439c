"""Who is asked: on_threads, on_clients, on_nemesis, reserve, each_thread, each_process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from checkers.history import NEMESIS, Op, Process
from workloads.generator.choice import remembered, replaced, soonest
from workloads.generator.context import Context, Thread
from workloads.generator.leaves import Source, lift
from workloads.generator.protocol import PENDING, Answer, Generator


def on_threads(belongs: Callable[[Thread], bool], source: Source) -> Generator:
    """The source, which sees and hears only the threads that `belongs` accepts."""
    return OnThreads(belongs, lift(source))


def on_clients(source: Source) -> Generator:
    """The source on all threads but the nemesis."""
    return on_threads(_is_client, source)


def on_nemesis(source: Source) -> Generator:
    """The source on the nemesis alone."""
    return on_threads(_is_nemesis, source)


def _is_client(thread: Thread) -> bool:
    return thread != NEMESIS


def _is_nemesis(thread: Thread) -> bool:
    return thread == NEMESIS


class OnThreads(msgspec.Struct, frozen=True):
    """A generator that knows of some threads only."""

    belongs: Callable[[Thread], bool]
    generator: Generator

    def op(self, context: Context) -> Answer:
        """The source's answer to the restricted context."""
        answer = self.generator.op(self._seen(context))
        return None if answer is None else (answer[0], OnThreads(self.belongs, answer[1]))

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the source if it is about one of its threads."""
        thread = context.thread_of(event.process)
        if thread is None or not self.belongs(thread):
            return self
        return OnThreads(self.belongs, self.generator.update(self._seen(context), event))

    def _seen(self, context: Context) -> Context:
        return context.restrict_to(self.belongs)


def reserve(*ranges: tuple[int, Source], rest: Source) -> Generator:
    """Threads set aside: the first n for the first source, the next m for the second, all others for `rest`.

    Threads are counted in the order of the context. Each source sees its own threads only.
    """
    counts = tuple(count for count, _ in ranges)
    return Reserve(counts, (*(remembered(source) for _, source in ranges), remembered(rest)))


class Reserve(msgspec.Struct, frozen=True):
    """One generator more than counts: the last has all other threads."""

    counts: tuple[int, ...]
    generators: tuple[Generator, ...]

    def op(self, context: Context) -> Answer:
        """The soonest operation of any range; among equals, by the number of threads."""
        ranges = context.divided(self.counts)
        answers = [g.op(context.seen_by(r)) for g, r in zip(self.generators, ranges, strict=True)]
        chosen = soonest(self.generators, answers, context.random, ranges)
        return None if chosen is None else (chosen[0], Reserve(self.counts, chosen[1]))

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the source whose thread it is about."""
        thread = context.thread_of(event.process)
        for index, part in enumerate(context.divided(self.counts)):
            if thread in part.processes:
                told = self.generators[index].update(context.seen_by(part), event)
                return Reserve(self.counts, replaced(self.generators, index, told))
        return self


def each_thread(source: Source) -> Generator:
    """A copy of the source for every thread, which sees that thread only."""
    return Each(lift(source), MappingProxyType({}), by_process=False)


def each_process(source: Source) -> Generator:
    """A copy of the source for every process: a thread that becomes a new process begins afresh."""
    return Each(lift(source), MappingProxyType({}), by_process=True)


class Each(msgspec.Struct, frozen=True):
    """`copies` are those that were begun, by thread or by process."""

    original: Generator
    copies: Mapping[Thread | Process, Generator]
    by_process: bool

    def op(self, context: Context) -> Answer:
        """The soonest operation of any copy; PENDING while a busy thread may still have one."""
        names = [self._name(context, thread) for thread in context.free]
        generators = [self.copies.get(name, self.original) for name in names]
        answers = [g.op(context.restrict((t,))) for g, t in zip(generators, context.free, strict=True)]
        chosen = soonest(generators, answers, context.random)
        if chosen is None:
            return (PENDING, self) if len(context.free) < len(context.processes) else None
        copies = {**self.copies, **dict(zip(names, chosen[1], strict=True))}
        return chosen[0], msgspec.structs.replace(self, copies=MappingProxyType(copies))

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the copy of the thread it is about."""
        thread = context.thread_of(event.process)
        if thread is None:
            return self
        name = self._name(context, thread)
        copy = self.copies.get(name, self.original).update(context.restrict((thread,)), event)
        return msgspec.structs.replace(self, copies=MappingProxyType({**self.copies, name: copy}))

    def _name(self, context: Context, thread: Thread) -> Thread | Process:
        return context.processes[thread] if self.by_process else thread
