"""Shrinking: from a failing run to the least tape that fails alike.

Fails alike: a checker finds an anomaly of the same name that breaks the same promise. Every candidate is a
whole run in simulation, judged as any other; one that fails otherwise, or dies, does not count.

What is tried, in this order, because the first cuts make the later ones cheap: only the workload that found
it; nothing after the evidence; fewer faults; fewer nodes; calm conditions; fewer operations; less waiting;
and faults and operations one by one. Then all of it again, until nothing helps any more. With few parts left,
other seeds are tried too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from math import ceil
from typing import Any, Literal

from checkers.verdict import Anomaly
from harness.explore.conditions import CALM
from harness.explore.ddmin import ddmin
from harness.explore.life import live_tape
from harness.explore.pool import LIFE_CPU_S, within
from harness.explore.tape import Injection, Step, Tape, as_json
from harness.life import Life

_FIRST_SEEDS = 9
_OTHER_SEEDS = 30
_LIVES = 200
"""Few parts live cheaply: with k of them, up to 200 / k other seeds are tried too, but no more than 30."""
_FEW_SEEDS = 3
"""Nor more than these for what only pleases: fewer nodes, a calmer world, shorter waits."""
_STRETCH = 2
"""Of what the passes before have left, seldom more than so many parts in a row can be spared together."""
Part = Step | Injection
"""What can be taken away from a tape."""
_GAPS_S = (1.0, 0.3, 0.1, 0.03)

End = Literal["alike", "no violation", "another violation", "no verdict", "untried"]
"""How a candidate ends: as it should, without any violation (also where too little happened for a verdict),
with another one only, not at all, or nobody knows because time was over."""


class NotReproducedError(Exception):
    """The tape does not fail as it should, so there is nothing to shrink."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What must go on failing: the promise (None: no document's) and the anomaly's name."""

    clause: str | None
    anomaly: str

    def seen_in(self, life: Life) -> Anomaly | None:
        """The anomaly in a life, or None."""
        found = [anomaly for each in life.results.judged for anomaly in each.verdict.anomalies]
        return next((a for a in found if (a.clause, a.name) == (self.clause, self.anomaly)), None)

    def __str__(self) -> str:
        """For people."""
        return f"{self.clause or 'no clause'}: {self.anomaly}"


@dataclass(frozen=True, slots=True)
class Need:
    """One remaining part, and how the run ends without it."""

    part: str
    without: End


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The result. `complete` is False if time was over before it was shown to be 1-minimal."""

    tape: Tape
    goal: Goal
    sentence: str
    needs: tuple[Need, ...]
    complete: bool
    replays: int
    cpu_s: float


@dataclass(slots=True)
class Shrinker:
    """`tell` hears a sentence about each success. `budget_s` is processor time."""

    goal: Goal
    tell: Callable[[str], object]
    budget_s: float = float("inf")
    replays: int = 0
    best: Life | None = None
    _began: float = field(default_factory=lambda: time.process_time())  # noqa: PLW0108 - for tests
    _known: dict[str, End] = field(default_factory=dict)

    def shrink(self, tape: Tape) -> Shrunk:
        """Make it as small as can be. Raises NotReproducedError."""
        tape = self._begin(tape)
        self.tell(f"begin: {_size(tape)}")
        before = None
        while tape != before:
            before, tape = tape, self._round(tape)
        needs = tuple(self._needs(tape))
        return Shrunk(
            tape=tape,
            goal=self.goal,
            sentence=self._sentence(tape),
            needs=needs,
            complete=all(need.without not in ("alike", "untried") for need in needs),
            replays=self.replays,
            cpu_s=round(time.process_time() - self._began, 1),
        )

    def _begin(self, tape: Tape) -> Tape:
        """The tape as it fails: maybe not with its own seed, because the draws below have moved a little."""
        for seed in (tape.swarm.seed, *range(1, _FIRST_SEEDS + 1)):
            begun = replace(tape, swarm=replace(tape.swarm, seed=seed))
            if self.fails(begun):
                return begun
        raise NotReproducedError(
            f"Played from its tape this run does not show {self.goal}: {self.end_of(tape)}."
        )

    def _round(self, tape: Tape) -> Tape:
        """Try everything once."""
        for name, step in (
            ("one workload", self._focus),
            ("nothing after the evidence", self._truncate),
            ("faults", self._faults),
            ("nodes", self._nodes),
            ("conditions", self._conditions),
            ("operations", self._steps),
            ("waiting", self._time),
            ("one by one", self._one_by_one),
        ):
            smaller = step(tape)
            if smaller != tape:
                self.tell(f"{name}: {_size(smaller)}, {self.replays} replays")
            tape = smaller
        return tape

    def fails(self, tape: Tape) -> bool:
        """Whether the tape fails alike. False, untried, when time is over."""
        return self.end_of(tape) == "alike"

    def end_of(self, tape: Tape) -> End:
        """How a run of the tape ends."""
        name = as_json(tape)
        if name not in self._known:
            if time.process_time() - self._began > self.budget_s:
                return "untried"
            self._known[name] = self._play(tape)
        return self._known[name]

    def _play(self, tape: Tape) -> End:
        self.replays += 1
        try:
            with within(LIFE_CPU_S):
                life = live_tape(tape)
        except Exception:  # noqa: BLE001 - a candidate that cannot be lived does not fail alike
            return "no verdict"
        if self.goal.seen_in(life) is None:
            return "another violation" if life.results.valid is False else "no violation"
        self.best = life
        return "alike"

    def _tried(self, smaller: Tape, tape: Tape) -> Tape:
        """The smaller one if it fails, maybe with another seed; else the tape as it was."""
        return self._somehow(smaller) or tape

    def _pleased(self, nicer: Tape) -> Tape | None:
        """A tape that has no part less, if it fails, maybe with one of a few other seeds."""
        return self._somehow(nicer, _FEW_SEEDS)

    def _somehow(self, tape: Tape, most: int = _OTHER_SEEDS) -> Tape | None:
        """The tape with a seed with which it fails, if there is one.

        What a power loss leaves, for one, is chance, and with ten operations another than with a thousand.
        """
        others = min(most, _LIVES // max(1, len(parts(tape))))
        seeds = [tape.swarm.seed, *range(1, others + 1)]
        candidates = (replace(tape, swarm=replace(tape.swarm, seed=seed)) for seed in seeds)
        return next((candidate for candidate in candidates if self.fails(candidate)), None)

    def _sentence(self, tape: Tape) -> str:
        """What the smallest run shows."""
        anomaly = self.goal.seen_in(live_tape(tape))
        assert anomaly is not None
        return anomaly.sentence

    # Each takes a failing tape and returns one that fails, too.

    def _focus(self, tape: Tape) -> Tape:
        for name in tape.swarm.workloads:
            steps = tuple(step for step in tape.steps if step.workload == name)
            share = tape.swarm.plan.shares[name]
            swarm = replace(tape.swarm, workloads=(name,), concurrency=share)
            if (smaller := self._somehow(replace(tape, swarm=swarm, steps=steps))) is not None:
                return smaller
        return tape

    def _truncate(self, tape: Tape) -> Tape:
        assert self.best is not None
        anomaly = self.goal.seen_in(self.best)
        assert anomaly is not None
        last_ns = max((op.time for op in anomaly.operations), default=0)
        return self._tried(
            replace(
                tape,
                steps=tuple(step for step in tape.steps if step.time_ns <= last_ns),
                faults=tuple(fault for fault in tape.faults if fault.start_ns <= last_ns),
            ),
            tape,
        )

    def _faults(self, tape: Tape) -> Tape:
        least = ddmin(tape.faults, lambda faults: self.fails(_with_faults(tape, faults)))
        return self._tried(_with_faults(tape, least), tape)

    def _steps(self, tape: Tape) -> Tape:
        return replace(tape, steps=ddmin(tape.steps, lambda steps: self.fails(replace(tape, steps=steps))))

    def _nodes(self, tape: Tape) -> Tape:
        while tape.swarm.node_count > 1:
            smaller = self._pleased(_without_last_node(tape))
            if smaller is None:
                break
            tape = smaller
        return tape

    def _conditions(self, tape: Tape) -> Tape:
        if (calm := self._pleased(_in(tape, CALM))) is not None:
            return calm
        for each in fields(CALM):
            milder: Any = replace(tape.swarm.conditions, **{each.name: getattr(CALM, each.name)})
            tape = self._pleased(_in(tape, milder)) or tape
        return tape

    def _time(self, tape: Tape) -> Tape:
        for gap_s in _GAPS_S:
            tape = self._pleased(_closer(tape, round(gap_s * 1e9))) or tape
        last_ns = max((*_moments(tape), 0))
        swarm = replace(tape.swarm, time_limit_s=float(ceil(last_ns / 1e9) + 1))
        return self._pleased(replace(tape, swarm=swarm)) or tape

    def _one_by_one(self, tape: Tape) -> Tape:
        """Down to 1-minimal over faults and operations together."""
        found = tape

        def fails(some: Sequence[Part]) -> bool:
            nonlocal found
            smaller = self._somehow(_of(found, some))
            found = smaller or found
            return smaller is not None

        ddmin(parts(tape), fails, _STRETCH)
        return found

    def _needs(self, tape: Tape) -> Iterator[Need]:
        """How the run ends without each part; all known already, if time was not over."""
        remaining = parts(tape)
        for place, part in enumerate(remaining):
            end = self.end_of(_of(tape, (*remaining[:place], *remaining[place + 1 :])))
            yield Need(str(part), end)


def parts(tape: Tape) -> tuple[Part, ...]:
    """Faults and operations, by their moments."""
    return tuple(sorted((*tape.faults, *tape.steps), key=_start_ns))


def _start_ns(part: Part) -> int:
    return part.time_ns if isinstance(part, Step) else part.start_ns


def _of(tape: Tape, some: Sequence[Part]) -> Tape:
    steps = tuple(part for part in some if isinstance(part, Step))
    faults = tuple(part for part in some if isinstance(part, Injection))
    return replace(_with_faults(tape, faults), steps=steps)


def _with_faults(tape: Tape, faults: tuple[Injection, ...]) -> Tape:
    families = {fault.family for fault in faults}
    nemeses = tuple(name for name in tape.swarm.nemeses if name in families)
    return replace(tape, faults=faults, swarm=replace(tape.swarm, nemeses=nemeses))


def _in(tape: Tape, conditions: Any) -> Tape:
    return replace(tape, swarm=replace(tape.swarm, conditions=conditions))


def _without_last_node(tape: Tape) -> Tape:
    count = tape.swarm.node_count
    faults = tuple(replace(f, value=_without(f.value, f"n{count}")) for f in tape.faults)
    return replace(tape, faults=faults, swarm=replace(tape.swarm, node_count=count - 1))


def _without(value: Any, node: str) -> Any:
    """What a fault does, without a node that is no longer there."""
    if isinstance(value, dict):
        return {name: _without(inner, node) for name, inner in value.items() if name != node}
    if isinstance(value, list):
        return [_without(inner, node) for inner in value if not _is_about(inner, node)]
    return value


def _is_about(value: Any, node: str) -> bool:
    if isinstance(value, list):
        return node in value
    return isinstance(value, str) and (value == node or value.startswith(f"{node}/"))


def _moments(tape: Tape) -> list[int]:
    ends = [fault.end_ns for fault in tape.faults if fault.end_ns is not None]
    return sorted({*(_start_ns(part) for part in parts(tape)), *ends})


def _closer(tape: Tape, gap_ns: int) -> Tape:
    """The same order, with at most so long between two moments, and before the first."""
    moved: dict[int, int] = {}
    before_ns = now_ns = 0
    for moment in _moments(tape):
        now_ns += min(moment - before_ns, gap_ns)
        moved[moment], before_ns = now_ns, moment
    return replace(
        tape,
        steps=tuple(replace(step, time_ns=moved[step.time_ns]) for step in tape.steps),
        faults=tuple(
            replace(f, start_ns=moved[f.start_ns], end_ns=None if f.end_ns is None else moved[f.end_ns])
            for f in tape.faults
        ),
    )


def _size(tape: Tape) -> str:
    return f"{len(tape.faults)} faults, {len(tape.steps)} operations, {tape.swarm.node_count} nodes"
