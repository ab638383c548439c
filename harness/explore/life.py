"""One life of a swarm or of a tape, and what is remembered of it when it is over."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass

from harness.environments.simulation import SimulatedWorld
from harness.explore.conditions import cast_in
from harness.explore.fingerprint import Fingerprint, fingerprints
from harness.explore.planted import planted
from harness.explore.swarm import Swarm
from harness.explore.tape import Tape, play, record
from harness.life import Life, live
from harness.plan import Plan
from harness.results import Results
from harness.run import Cast


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a campaign remembers of one life; it travels between processes.

    `verdict` is "valid", "invalid", "unknown", or "crashed" where there is none; `note` says why in one
    sentence. `deaths` counts servers that ended of an error of their own, `failovers` the changes of leader
    that clients saw; None if nobody looked.
    """

    seed: int
    verdict: str
    note: str
    fingerprints: tuple[Fingerprint, ...] = ()
    trace_sha256: str = ""
    virtual_s: float = 0.0
    cpu_s: float = 0.0
    messages: int = 0
    operations: int = 0
    faults: int = 0
    families: tuple[str, ...] = ()
    deaths: int = 0
    failovers: int | None = None


def parts_of(swarm: Swarm, *, keep_trace: bool = False) -> tuple[Plan, Cast]:
    """The parts of a swarm's run, in its conditions."""
    plan = swarm.plan
    return plan, cast_in(swarm.conditions, plan, keep_trace=keep_trace)


def live_swarm(swarm: Swarm, defect: str | None = None, *, keep_trace: bool = False) -> Life:
    """Live what the swarm's seed draws."""
    with planted(defect):
        return live(*parts_of(swarm, keep_trace=keep_trace))


def live_tape(tape: Tape, *, keep_trace: bool = False) -> Life:
    """Live what the tape says."""
    with planted(tape.defect):
        return live(*play(tape, keep_trace=keep_trace))


def tape_of(swarm: Swarm, life: Life, defect: str | None = None) -> Tape:
    """The choices of a life."""
    ends = {phase.name: phase.end_ns for phase in life.recorded.phases}
    return record(swarm, life.history, ends.get("safety", 0), defect)


def world_of(life: Life) -> SimulatedWorld:
    """The world as the life left it."""
    world = life.environment.simulation
    assert isinstance(world, SimulatedWorld)
    return world


def outcome(swarm: Swarm, defect: str | None = None) -> Outcome:
    """Live once and remember. What the life dies of is remembered too: the next seed must have its turn."""
    began = time.process_time()
    try:
        life = live_swarm(swarm, defect)
    except Exception as error:  # noqa: BLE001 - see above
        where = traceback.extract_tb(error.__traceback__)[-1]
        note = f"{type(error).__name__}: {error} ({where.filename.rpartition('/')[2]}:{where.lineno})"
        return Outcome(swarm.seed, "crashed", note, cpu_s=time.process_time() - began)
    return _remembered(swarm, life, time.process_time() - began)


def _remembered(swarm: Swarm, life: Life, cpu_s: float) -> Outcome:
    results, world = life.results, world_of(life)
    has_crashed = life.recorded.crash is not None and results.valid is not False
    return Outcome(
        seed=swarm.seed,
        verdict="crashed" if has_crashed else results.word,
        note=life.recorded.crash or "" if has_crashed else results.sentence,
        fingerprints=fingerprints(results),
        trace_sha256=life.trace_sha256,
        virtual_s=world.loop.now_ns / 1e9,
        cpu_s=cpu_s,
        messages=world.network.messages,
        operations=results.statistics["operations"],
        faults=sum(fault.effective for fault in life.recorded.faults),
        families=tuple(sorted({fault.family for fault in life.recorded.faults if fault.effective})),
        deaths=_deaths(life_logs(life)),
        failovers=_failovers(results),
    )


def _failovers(results: Results) -> int | None:
    """As counted by the checker that saw most: writes show fewer of them than looks at the agency."""
    counts = [
        found if isinstance(found, int) else len(found)
        for each in results.judged
        for statistics in each.verdict.statistics.values()
        if isinstance(statistics, Mapping) and (found := statistics.get("failovers")) is not None
    ]
    return max(counts, default=None)


def life_logs(life: Life) -> Mapping[str, list[str]]:
    """The lines that the servers wrote, by "node/program"."""
    return {
        f"{host.name}/{program}": lines
        for host in world_of(life).hosts.values()
        for program, lines in host.logs.items()
    }


def _deaths(logs: Mapping[str, list[str]]) -> int:
    return sum(" FATAL " in line for lines in logs.values() for line in lines)
