"""Campaign: many lives, one seed each, over as many processes as there are, until enough has been seen.

A campaign ends at the last seed, when its time is over, at the first failure if that is wished, or when it
is interrupted; whatever was found until then counts. Of each kind of violation (equal fingerprints) a few
runs are kept as folders, of the others the seeds.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.explore.fingerprint import Fingerprint
from harness.explore.kept import keep_swarm
from harness.explore.life import Outcome, outcome
from harness.explore.pool import LIFE_CPU_S, within
from harness.explore.swarm import expand

KEPT_EACH = 3
"""How many runs of equal fingerprints get a folder."""
MOST_INCONCLUSIVE = 0.25
"""With a larger part of inconclusive lives than this, a campaign that found nothing has shown too little."""
_AHEAD = 2
"""Errands for each process, so that none waits for the next."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What workers are told: which swarms, with which defect, and where folders go (None: keep none)."""

    topology: str
    workloads: tuple[str, ...] = ()
    nemeses: tuple[str, ...] | None = None
    defect: str | None = None
    results: Path | None = None


def one_life(errand: Errand, seed: int) -> Outcome:
    """Live a seed; a worker's work."""
    swarm = expand(seed, errand.topology, errand.workloads, errand.nemeses)
    with within(LIFE_CPU_S):
        return outcome(swarm, errand.defect)


def one_folder(errand: Errand, seed: int) -> tuple[str, str]:
    """Live a seed again for its folder; where that is, and the hash of its trace."""
    assert errand.results is not None
    swarm = expand(seed, errand.topology, errand.workloads, errand.nemeses)
    with within(LIFE_CPU_S):
        kept = keep_swarm(swarm, errand.defect, errand.results)
    return str(kept.path), kept.trace_sha256


@dataclass(slots=True)
class Tally:
    """What a campaign has seen so far. `folders` are by seed; `problems` are Pestle's own failures."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    folders: dict[int, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    stopped_by: str = ""

    def of(self, verdict: str) -> list[Outcome]:
        """The lives that ended so, by seed."""
        return [o for _, o in sorted(self.outcomes.items()) if o.verdict == verdict]

    @property
    def violations(self) -> dict[Fingerprint, list[int]]:
        """The seeds of each kind of violation, the kinds in order."""
        found: dict[Fingerprint, list[int]] = {}
        for seen in self.of("invalid"):
            for fingerprint in seen.fingerprints:
                found.setdefault(fingerprint, []).append(seen.seed)
        return dict(sorted(found.items()))

    @property
    def counts(self) -> Counter[str]:
        """Lives by verdict."""
        return Counter(o.verdict for o in self.outcomes.values())

    @property
    def bound(self) -> float | None:
        """With 95 % confidence a life of this swarm shows a violation with at most this probability.

        The rule of three: none in n independent lives gives 3 / n (Hanley and Lippman-Hand, JAMA 1983). Lives
        that could not have shown anything do not count. None if there were violations, or no such life.
        """
        valid = self.counts["valid"]
        return None if self.counts["invalid"] or not valid else min(1.0, 3 / valid)

    @property
    def exit_code(self) -> int:
        """1 violation, 255 failures of Pestle itself, 2 too little seen, 0 none of these."""
        counts = self.counts
        if counts["invalid"]:
            return 1
        if counts["crashed"] or self.problems:
            return 255
        judged = counts["valid"] + counts["unknown"]
        return 0 if counts["valid"] and counts["unknown"] <= MOST_INCONCLUSIVE * judged else 2


class Watch(Protocol):
    """Whoever shows how a campaign comes on."""

    def begun(self, tally: Tally) -> None:
        """It begins."""
        ...

    def lived(self, tally: Tally, seen: Outcome) -> None:
        """One more life is over."""
        ...


class Campaign:
    """Lives the seeds of `seeds` one after the other, several at once. `executor` does the work.

    `time_s` is wall time. `life` and `folder` are what workers do, given here so that a test can give others.
    """

    def __init__(
        self,
        errand: Errand,
        seeds: Iterator[int],
        executor: Executor,
        jobs: int,
        watch: Watch,
        *,
        time_s: float | None = None,
        stop_on_first: bool = False,
        life: Callable[[Errand, int], Outcome] = one_life,
        folder: Callable[[Errand, int], tuple[str, str]] = one_folder,
    ) -> None:
        self.tally = Tally()
        self._errand = errand
        self._seeds = seeds
        self._executor = executor
        self._room = jobs * _AHEAD
        self._watch = watch
        self._time_s = time_s
        self._stop_on_first = stop_on_first
        self._life = life
        self._folder = folder
        self._lives: dict[Future[Outcome], int] = {}
        self._folders: dict[Future[tuple[str, str]], int] = {}
        self._kept: Counter[Fingerprint] = Counter()

    def stop(self, why: str) -> None:
        """Begin no more lives; those that are under way come to their end."""
        self.tally.stopped_by = self.tally.stopped_by or why

    def run(self) -> Tally:
        """Live them all, or as many as the time allows."""
        self._watch.begun(self.tally)
        while self._fill() or self._lives or self._folders:
            running: list[Future[Any]] = [*self._lives, *self._folders]
            done = wait(running, timeout=0.5, return_when=FIRST_COMPLETED).done
            for future in list(self._lives):
                if future in done:
                    self._live(future, self._lives.pop(future))
            for folder in list(self._folders):
                if folder in done:
                    self._keep(folder, self._folders.pop(folder))
            if self._time_s is not None and time.monotonic() - self.tally.began >= self._time_s:
                self.stop("time")
        return self.tally

    def _fill(self) -> bool:
        """Hand out errands as long as there is room; whether there was anything to hand out."""
        begun = False
        while not self.tally.stopped_by and len(self._lives) < self._room:
            seed = next(self._seeds, None)
            if seed is None:
                self.stop("count")
                break
            try:
                self._lives[self._executor.submit(self._life, self._errand, seed)] = seed
            except BrokenExecutor as error:
                self._break(error)
                break
            begun = True
        return begun

    def _live(self, future: Future[Outcome], seed: int) -> None:
        if future.cancelled():
            return
        error = future.exception()
        seen = Outcome(seed, "crashed", f"{type(error).__name__}: {error}") if error else future.result()
        self.tally.outcomes[seed] = seen
        self._watch.lived(self.tally, seen)
        if seen.verdict == "invalid":
            self._remember(seen)
        if seen.verdict in ("invalid", "crashed") and self._stop_on_first:
            self.stop("first failure")
            for other in self._lives:
                other.cancel()

    def _remember(self, seen: Outcome) -> None:
        """Have its folder made, if few of its kind have one."""
        if self._errand.results is None or all(self._kept[f] >= KEPT_EACH for f in seen.fingerprints):
            return
        self._kept.update(seen.fingerprints)
        try:
            self._folders[self._executor.submit(self._folder, self._errand, seen.seed)] = seen.seed
        except BrokenExecutor as error:
            self._break(error)

    def _break(self, error: BrokenExecutor) -> None:
        """A worker was killed, by the system most likely; what was found until then counts."""
        self.tally.problems.append(f"A worker died, so no more lives can be begun: {error}")
        self.stop("a dead worker")

    def _keep(self, future: Future[tuple[str, str]], seed: int) -> None:
        error = future.exception()
        if error is not None:
            self.tally.problems.append(f"The run of seed {seed} could not be kept: {error}")
            return
        path, trace = future.result()
        self.tally.folders[seed] = path
        if trace != self.tally.outcomes[seed].trace_sha256:
            self.tally.problems.append(
                f"Seed {seed} is not the same run twice; `pestle replay {path}` says where they part."
            )
