"""Many independent keys at once, each for a while.

Checking linearizability is exponential in the number of operations that are open together, and linear in the
number of objects. So a run works on many short-lived objects: the threads are divided into groups, each group
works on one key until that key's generator is exhausted, and then takes the next one.

Each key has at most `ops_per_key` operations, the limit drawn between nine tenths of that and all of it so
that keys do not roll in step; and at most `processes_per_key` processes, because every `info` retires a
process and leaves one more operation open for good.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import msgspec

from checkers.history import Op
from workloads.generator.choice import soonest
from workloads.generator.context import Context, View
from workloads.generator.leaves import Source, Stream, lift
from workloads.generator.limits import limit, process_limit
from workloads.generator.protocol import PENDING, Answer, Generator, Pending

Key = int | str


def keyed(
    keys: Iterable[Key],
    source_for: Callable[[Key], Source],
    *,
    threads_per_key: int,
    ops_per_key: int,
    processes_per_key: int = 20,
) -> Generator:
    """`source_for(key)` for one key after the other in every group of `threads_per_key` threads.

    Threads that do not fill a group make a smaller one. Every operation carries its `key`.
    """
    if min(threads_per_key, ops_per_key, processes_per_key) < 1:
        raise ValueError("threads, operations and processes per key must be at least 1")
    recipe = Recipe(source_for, threads_per_key, ops_per_key, processes_per_key)
    return Keyed(recipe, Stream(iter(keys)), ())


class Recipe(msgspec.Struct, frozen=True):
    """How the generator of one key is made."""

    source_for: Callable[[Key], Source]
    threads_per_key: int
    ops_per_key: int
    processes_per_key: int

    def make(self, key: Key, context: Context) -> Generator:
        """The generator of one key, with its own limits."""
        most = context.random.randint(math.ceil(0.9 * self.ops_per_key), self.ops_per_key)
        return limit(most, process_limit(self.processes_per_key, self.source_for(key)))


class Group(msgspec.Struct, frozen=True):
    """Some threads at work on one key; without a key the group has found no more of them."""

    key: Key | None
    generator: Generator

    def op(self, context: Context) -> Answer:
        """The next operation on the key."""
        answer = self.generator.op(context)
        if answer is None:
            return None
        op, rest = answer
        marked = op if isinstance(op, Pending) else msgspec.structs.replace(op, key=self.key)
        return marked, Group(self.key, rest)

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the key's generator, if it is about this key."""
        return self if event.key != self.key else Group(self.key, self.generator.update(context, event))


class Keyed(msgspec.Struct, frozen=True):
    """The groups at work, in the order of their threads, and the keys nobody has taken yet."""

    recipe: Recipe
    keys: Stream
    groups: tuple[Generator, ...]

    def op(self, context: Context) -> Answer:
        """The soonest operation of any group; a group whose key is exhausted takes the next key first."""
        teams = self._teams(context)
        current = self
        answers: list[Answer] = []
        for index, team in enumerate(teams):
            moment = context.seen_by(team)
            if index < len(self.groups) and not moment.free:
                answers.append((PENDING, self.groups[index]))
                continue
            current, answer = current._asked(index, moment)
            answers.append(answer)
        chosen = soonest(current.groups, answers, context.random, teams)
        return None if chosen is None else (chosen[0], msgspec.structs.replace(current, groups=chosen[1]))

    def _asked(self, index: int, context: Context) -> tuple[Keyed, Answer]:
        """The answer of one group, and all groups with a new key in that group if it needed one."""
        current = self
        while index >= len(current.groups) or (answer := current.groups[index].op(context)) is None:
            pulled = current.keys.pull()
            if pulled is None:
                return current._with(index, Group(None, lift(None)), current.keys), None
            key, rest = pulled
            current = current._with(index, Group(key, self.recipe.make(key, context)), rest)
        return current, answer

    def _with(self, index: int, group: Group, keys: Stream) -> Keyed:
        return Keyed(self.recipe, keys, (*self.groups[:index], group, *self.groups[index + 1 :]))

    def update(self, context: Context, event: Op) -> Generator:
        """Told to the group of the thread it is about."""
        thread = context.thread_of(event.process)
        groups = tuple(
            group.update(context.seen_by(team), event) if thread in team.processes else group
            for group, team in zip(self.groups, self._teams(context), strict=False)
        )
        return msgspec.structs.replace(self, groups=groups)

    def _teams(self, context: Context) -> Sequence[View]:
        size = self.recipe.threads_per_key
        whole = (len(context.processes) - 1) // size
        return context.divided((size,) * whole) if context.processes else ()
