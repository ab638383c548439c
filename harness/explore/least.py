"""The least that shows each planted defect: what the swarm killed, shrunk and kept as regressions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from harness.explore import regression
from harness.explore.kills import Hunt
from harness.explore.life import live_swarm, tape_of
from harness.explore.shrink import Goal, NotReproducedError, Shrinker
from harness.explore.swarm import expand


@dataclass(frozen=True, slots=True)
class Least:
    """How small one became. `problem` says why there is nothing, or nothing shown to be 1-minimal."""

    defect: str
    faults: int = 0
    operations: int = 0
    nodes: int = 0
    replays: int = 0
    cpu_s: float = 0.0
    problem: str = ""


def least(hunted: Hunt, results: Path, budget_s: float) -> Least:
    """Live the run that showed a defect again and shrink it; a worker's work. What is shown to be 1-minimal
    is stored.
    """
    assert hunted.seed is not None
    target = hunted.target
    swarm = expand(hunted.seed, target.topology)
    tape = tape_of(swarm, live_swarm(swarm, target.id), target.id)
    try:
        shrunk = Shrinker(_goal(hunted), lambda _: None, budget_s).shrink(tape)
    except NotReproducedError as error:
        return Least(target.id, problem=str(error))
    if shrunk.complete:
        regression.store(results, target.id, shrunk)
    small = shrunk.tape
    return Least(
        defect=target.id,
        faults=len(small.faults),
        operations=len(small.steps),
        nodes=small.swarm.node_count,
        replays=shrunk.replays,
        cpu_s=shrunk.cpu_s,
        problem="" if shrunk.complete else "time was over before it was shown to be 1-minimal",
    )


def _goal(hunted: Hunt) -> Goal:
    """Of several anomalies the one that breaks what the defect is said to break, if it is there."""
    found = sorted(hunted.found, key=lambda fingerprint: fingerprint.clause != hunted.target.clause)
    return Goal(found[0].clause or None, found[0].anomaly)


def all_least(
    hunts: Iterable[Hunt], executor: Executor, results: Path, budget_s: float, tell: Callable[[str], object]
) -> tuple[Least, ...]:
    """Shrink what was killed, several at once; by id."""
    killed = [hunted for hunted in hunts if hunted.seed is not None]
    done = []
    for future in as_completed([executor.submit(least, hunted, results, budget_s) for hunted in killed]):
        done.append(future.result())
        tell(line(done[-1]))
    return tuple(sorted(done, key=lambda small: small.defect))


def line(small: Least) -> str:
    """One result for people."""
    size = f"{small.faults} faults, {small.operations} operations, {small.nodes} nodes"
    problem = f"; {small.problem}" if small.problem else ""
    return f"{small.defect}: {size} after {small.replays} replays, {small.cpu_s:g} CPU s{problem}"


def summary(small: Sequence[Least]) -> Iterator[str]:
    """The medians, and what could not be shrunk."""
    whole = [each for each in small if not each.problem]
    if whole:
        yield (
            f"{len(whole)} of {len(small)} are 1-minimal: median {median(s.faults for s in whole):g} faults, "
            f"{median(s.operations for s in whole):g} operations, {median(s.cpu_s for s in whole):g} CPU s; "
            f"most {max(s.faults for s in whole)} faults, {max(s.operations for s in whole)} operations, "
            f"{max(s.cpu_s for s in whole):g} CPU s"
        )
    for each in small:
        if each.problem:
            yield f"{each.defect}: {each.problem}"
