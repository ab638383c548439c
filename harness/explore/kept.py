"""The run folder of a simulated run that deserves one: an ordinary one, with trace and tape beside it.

trace.txt    every event of the world, one a line; results.json has their hash
tape.json    the choices of the run
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from harness.explore.life import parts_of, tape_of, world_of
from harness.explore.planted import planted
from harness.explore.swarm import Swarm
from harness.explore.tape import FILE, Tape, as_json, play
from harness.life import Life
from harness.plan import Plan
from harness.progress import Progress
from harness.results import Results
from harness.run import Cast, Run, conclude
from harness.store import RunFolder, new_run_folder

TRACE = "trace.txt"


@dataclass(frozen=True, slots=True)
class Kept:
    """A run that was lived once more for its folder."""

    path: Path
    results: Results
    trace: tuple[str, ...]

    @property
    def trace_sha256(self) -> str:
        """The hash of all that happened."""
        return self.results.recorded.trace_sha256 or ""


def keep_swarm(swarm: Swarm, defect: str | None, results: Path) -> Kept:
    """Live what the swarm's seed draws, and keep everything."""
    name = f"explore-{swarm.topology}-{swarm.seed}{'-' + defect if defect else ''}"
    with planted(defect):
        plan, parts = parts_of(swarm, keep_trace=True)
        folder = new_run_folder(results, name, datetime.now(UTC))
        return _kept(plan, parts, folder, swarm=swarm, defect=defect)


def keep_tape(tape: Tape, results: Path, name: str) -> Kept:
    """Live what the tape says, and keep everything."""
    with planted(tape.defect):
        plan, parts = play(tape, keep_trace=True)
        folder = new_run_folder(results, name, datetime.now(UTC))
        return _kept(plan, parts, folder, swarm=tape.swarm, defect=tape.defect, tape=tape)


def _kept(
    plan: Plan, parts: Cast, folder: RunFolder, *, swarm: Swarm, defect: str | None, tape: Tape | None = None
) -> Kept:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    run = Run(plan, parts, folder, Progress(None), started=started)
    simulation = parts.environment.simulation
    assert simulation is not None
    recorded = simulation.run(run.execute())
    how = f"pestle replay {'--tape ' if tape else ''}{folder.path}"
    _describe(folder, how, swarm, defect)
    results = conclude(recorded, folder)
    life = Life(plan, recorded, folder.history(), results, parts.environment, recorded.crash)
    trace = tuple(world_of(life).trace.lines or ())
    folder.write_text(TRACE, "".join(f"{line}\n" for line in trace))
    folder.write_text(FILE, as_json(tape or tape_of(swarm, life, defect)))
    folder.close()
    return Kept(folder.path, results, trace)


def _describe(folder: RunFolder, command: str, swarm: Swarm, defect: str | None) -> None:
    """Say in `test.json` what repeats this run, which no `pestle run` does, and in which conditions."""
    said = msgspec.json.decode((folder.path / "test.json").read_bytes())
    added = {"command": command, "conditions": swarm.conditions, "defect": defect}
    folder.write("test.json", {**said, **added})
