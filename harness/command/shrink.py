"""`pestle shrink`: the least that still makes a simulated run fail."""

from __future__ import annotations

import os
from pathlib import Path

import click

from harness.command import Exit, UserError
from harness.explore import kills, least, regression
from harness.explore.life import live_tape
from harness.explore.planted import NoDefectError
from harness.explore.pool import Spawned
from harness.explore.shrink import Goal, NotReproducedError, Shrinker, Shrunk
from harness.explore.tape import Tape, TapeError, read


@click.command(name="shrink", context_settings={"show_default": True})
@click.argument("run", type=click.Path(path_type=Path), required=False)
@click.option("--defects", is_flag=True, help="Shrink what the kill matrix has of each planted defect.")
@click.option("--anomaly", help="Which, if the run shows several: its name. Default: the first.")
@click.option(
    "--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Processes, with --defects."
)
@click.option("--time", "time_s", default=60.0, help="CPU seconds, of each, after which it ends.")
@click.option("--name", help="Of the regression. Default: the defect, or what is broken.")
@click.option("--results", type=click.Path(path_type=Path), default=Path("results"), help="Where it is kept.")
def command(
    *,
    run: Path | None,
    defects: bool,
    anomaly: str | None,
    jobs: int,
    time_s: float,
    name: str | None,
    results: Path,
) -> Exit:
    """Take away faults, nodes and operations from a failing RUN as long as it fails alike; keep what is left.

    \b
    pestle shrink results/runs/explore-single-17/20260102T030405Z
    pestle shrink --defects

    RUN is a folder with a tape, as explore and replay keep them. The result is 1-minimal: removing any one of
    its faults or operations makes it pass, and each was tried; it is kept under results/regressions. If time
    is over before, the best so far is in RUN/shrunk. Exit codes: 1 (the violation, shrunk), 2 if the tape
    does not show a violation, or the result is not 1-minimal; 254 usage. With --defects: 0 if all were
    shrunk, else 2.
    """
    if defects:
        return _all(results, jobs, time_s)
    if run is None:
        raise UserError("Say what to shrink: the folder of a failing run, or --defects.")
    try:
        tape = read(run)
        shrunk = Shrinker(_goal(tape, anomaly), click.echo, time_s).shrink(tape)
    except (TapeError, NoDefectError, ValueError) as error:
        raise UserError(str(error)) from error
    except NotReproducedError as error:
        click.echo(f"\nINCONCLUSIVE: {error}\nrepeat: pestle replay --tape {run}")
        return Exit.INCONCLUSIVE
    if shrunk.complete:
        folder = regression.store(results, name or regression.name_of(shrunk), shrunk)
    else:
        folder = regression.write((run if run.is_dir() else run.parent) / "shrunk", shrunk)
    _tell(shrunk)
    click.echo(f"report: {folder / regression.EXPECTED}\nrepeat: pestle replay --tape {folder}")
    return Exit.VIOLATION if shrunk.complete else Exit.INCONCLUSIVE


def _all(results: Path, jobs: int, time_s: float) -> Exit:
    """Shrink what was killed of the planted defects, and say how small it became."""
    try:
        hunts = kills.hunts(results)
    except NoDefectError as error:
        raise UserError(str(error)) from error
    with Spawned(jobs) as executor:
        try:
            small = least.all_least(hunts, executor, results, time_s, click.echo)
        except KeyboardInterrupt:
            executor.abort()
            raise click.Abort from None
    click.echo("")
    for line in least.summary(small):
        click.echo(line)
    click.echo(f"report: {results / regression.FOLDER}\nrepeat: pestle shrink --defects")
    return Exit.INCONCLUSIVE if any(each.problem for each in small) else Exit.PASS


def _goal(tape: Tape, anomaly: str | None) -> Goal:
    """What the tape shows, or of that what was asked for. Raises NotReproducedError."""
    life = live_tape(tape)
    found = [a for each in life.results.judged for a in each.verdict.anomalies]
    wanted = [a for a in found if anomaly in (None, a.name)]
    if not wanted:
        seen = ", ".join(dict.fromkeys(a.name for a in found)) or f"none; it ends {life.results.word}"
        raise NotReproducedError(f"Played from its tape this run shows no such anomaly, but {seen}.")
    return Goal(wanted[0].clause, wanted[0].name)


def _tell(shrunk: Shrunk) -> None:
    tape = shrunk.tape
    for need in shrunk.needs:
        click.echo(f"  {need.part}\n    without it: {need.without}")
    click.echo(
        f"{len(tape.faults)} faults, {len(tape.steps)} operations, {tape.swarm.node_count} nodes; "
        f"{shrunk.replays} replays, {shrunk.cpu_s:g} CPU s"
    )
    click.echo(_minimality(shrunk))
    click.echo(f"\nVIOLATION: {shrunk.sentence}")


def _minimality(shrunk: Shrunk) -> str:
    count = len(shrunk.needs)
    if not shrunk.complete:
        untried = sum(need.without == "untried" for need in shrunk.needs)
        return f"not shown to be 1-minimal: time was over with {untried} of {count} steps untried."
    ends = {need.without for need in shrunk.needs}
    becomes = "makes it pass" if ends <= {"no violation"} else "ends this violation"
    return f"1-minimal: removing any one of the {count} remaining steps {becomes}."
