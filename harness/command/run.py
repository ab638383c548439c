"""`pestle run`: one test, from the plan to the verdict."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import click

from harness.command import Exit, UserError
from harness.database import Timings
from harness.environment import HostError, Simulation
from harness.plan import Claim, Plan, fitting_interval_s
from harness.progress import Progress
from harness.results import Recorded, Results
from harness.run import Run, cast, conclude
from harness.store import RunFolder, new_run_folder


def _names(_context: click.Context, _option: click.Parameter, value: str) -> tuple[str, ...]:
    """Names separated by commas."""
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    return () if names == ("none",) else names


@click.command(name="run", context_settings={"show_default": True})
@click.option("--env", "environment", required=True, help="Where: lab, ssh or simulation.")
@click.option("--inventory", type=click.Path(path_type=Path), help="The hosts of ssh, a TOML file.")
@click.option(
    "--nodes",
    "node_count",
    default=3,
    type=click.IntRange(1),
    help="How many nodes of a lab or a simulation.",
)
@click.option("--lab", default="lab", help="Which lab: it is made, and removed again, unless it stands.")
@click.option("--topology", required=True, help="single, leader-follower or active-failover.")
@click.option(
    "--workload", "workloads", metavar="A[,B]", callback=_names, required=True, help="What clients do."
)
@click.option(
    "--nemesis", "nemeses", metavar="X[,Y]", callback=_names, required=True, help="What breaks; or none."
)
@click.option("--time-limit", "time_limit_s", default=60.0, help="Seconds in which things may break.")
@click.option("--rate", default=100.0, help="Operations per second in all.")
@click.option("--concurrency", default=10, type=click.IntRange(1), help="Processes at work at once.")
@click.option("--seed", type=int, help="Of all that is random; default: drawn.", show_default=False)
@click.option(
    "--interval", "interval_s", type=float, help="Mean seconds of a fault, and between two; default: fitting."
)
@click.option("--op-timeout", "op_timeout_s", default=5.0, help="Seconds after which an outcome is unknown.")
@click.option(
    "--timings",
    type=click.Choice(get_args(Timings)),
    default="fast",
    help="How fast servers that fail over notice faults.",
)
@click.option("--database", default="reference", help="The product under test.")
@click.option(
    "--claim", type=click.Choice(get_args(Claim)), default="fault-tolerance", help="What the run is to show."
)
@click.option("--name", default="", help="Of the run; default: made of topology and workloads.")
@click.option("--results", type=click.Path(path_type=Path), default=Path("results"), help="Folder for runs.")
@click.option("--json", "json_to", metavar="FILE", help="Write results.json there as well; - is stdout.")
def command(json_to: str | None, seed: int | None, interval_s: float | None, **options: Any) -> None:
    """Run workloads against a database while things break, and judge what was recorded.

    \b
    pestle run --env lab --topology leader-follower --workload register,set --nemesis kill,partition
    pestle run --env ssh --inventory hosts.toml --topology single --workload register --nemesis pause
    pestle run --env lab --topology single --workload register --nemesis none --claim fault-free
    pestle run --env simulation --topology leader-follower --workload set --nemesis power --seed 7

    Ctrl-C once ends the faults early, heals and judges; twice aborts. Exit codes: 0 pass, 1 violation,
    2 inconclusive, 254 usage, 255 Pestle itself failed.
    """
    quiet = json_to == "-"
    started = datetime.now(UTC)
    try:
        if seed is None:
            seed = int.from_bytes(os.urandom(4))
        if interval_s is None:
            interval_s = fitting_interval_s(options["time_limit_s"], len(options["nemeses"]))
        plan = Plan(seed=seed, interval_s=interval_s, **options)
        parts = cast(plan)
    except (HostError, ValueError) as error:
        raise UserError(str(error)) from error
    folder = new_run_folder(plan.results, plan.title, started)
    if not quiet:
        click.echo(f"{plan.command}\nresults go to {folder.path}")
    simulation = parts.environment.simulation
    # What is shown must not move what happens, and virtual seconds are gone before anybody reads.
    progress = Progress(None if quiet or simulation is not None else sys.stderr)
    run = Run(plan, parts, folder, progress, started=started.isoformat(timespec="seconds"))
    recorded = _interruptible(run) if simulation is None else _simulated(run, simulation)
    results = conclude(recorded, folder)
    folder.close()
    _tell(results, folder, json_to)
    raise click.exceptions.Exit(results.exit_code)


def _interruptible(run: Run) -> Recorded:
    """Execute the run; Ctrl-C once ends it early, twice aborts it."""
    # Not uvloop: its time moves in milliseconds, and the times of a history must be true.
    with asyncio.Runner() as runner:
        return runner.run(_watched(run))


async def _watched(run: Run) -> Recorded:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(run.execute())
    presses = 0

    def pressed() -> None:
        nonlocal presses
        presses += 1
        if presses == 1 and run.interrupt():
            click.echo("\ninterrupted: healing and judging what there is; again to abort", err=True)
        else:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, pressed)
    try:
        return await task
    except asyncio.CancelledError:
        raise click.Abort from None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _simulated(run: Run, simulation: Simulation) -> Recorded:
    """Execute the run in virtual time; Ctrl-C once ends it early, twice aborts it."""
    presses = 0

    def pressed(_number: int, _frame: object) -> None:
        nonlocal presses
        presses += 1
        if presses > 1 or not run.interrupt():
            raise click.Abort

    earlier = {number: signal.signal(number, pressed) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return simulation.run(run.execute())
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _tell(results: Results, folder: RunFolder, json_to: str | None) -> None:
    """The last lines: clauses, verdict, where the report is, how to repeat it."""
    if json_to is not None:
        content = (folder.path / "results.json").read_text()
        if json_to == "-":
            click.echo(content, nl=False)
            return
        Path(json_to).write_text(content)
    for row in results.rows:
        click.echo(f"  {row.id:<20} {row.verdict:<26} {row.note or ''}".rstrip())
    for remark in results.recorded.remarks:
        click.echo(f"  remark: {remark}", err=True)
    for reason in results.reasons:
        click.echo(f"  {reason}")
    word = {Exit.PASS: "PASS", Exit.VIOLATION: "VIOLATION", Exit.INCONCLUSIVE: "INCONCLUSIVE"}
    click.echo(f"\n{word.get(Exit(results.exit_code), 'FAILED')}: {results.sentence}")
    click.echo(f"report: {folder.path / 'report.html'}")
    if results.recorded.trace_sha256 is not None:
        click.echo(f"trace:  {results.recorded.trace_sha256}")
    click.echo(f"repeat: {results.recorded.plan.command}")
