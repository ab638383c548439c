"""`pestle explore`: many simulated lives, one seed each, over all cores."""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click
import msgspec

from harness.command import Exit, UserError
from harness.explore import kills, twice
from harness.explore.campaign import Campaign, Errand, Tally
from harness.explore.planted import NoDefectError, find, require
from harness.explore.pool import Spawned
from harness.explore.summary import as_json, lines, sentence
from harness.explore.swarm import expand
from harness.explore.watch import Plain, Silent, Terminal

WORDS = {0: "PASS", 1: "VIOLATION", 2: "INCONCLUSIVE", 255: "FAILED"}


def _names(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    return () if names == ("none",) else names


def _seeds(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> tuple[int, int | None] | None:
    """`A..B`, both included; `A..`, without end; or `A` alone. First and last, None where there is none."""
    if value is None:
        return None
    first, dots, last = value.partition("..")
    if not first.isdecimal() or (last and not last.isdecimal()):
        raise click.BadParameter(f"{value!r} is not of the form A..B, A.. or A")
    end = int(first) if not dots else int(last) if last else None
    if end is not None and end < int(first):
        raise click.BadParameter(f"{value!r} has no seed in it")
    return int(first), end


@click.command(name="explore", context_settings={"show_default": True})
@click.option("--topology", default="leader-follower", help="single, leader-follower or active-failover.")
@click.option("--workload", "workloads", metavar="A[,B]", callback=_names, help="Draw from these only.")
@click.option("--nemesis", "nemeses", metavar="X[,Y]", callback=_names, help="Draw from these only; or none.")
@click.option(
    "--seeds", callback=_seeds, metavar="A..B", help="Which; A.. has no end. Default: a drawn A, no end."
)
@click.option(
    "--time", "time_s", type=click.FloatRange(0, min_open=True), help="Begin no life after so many s."
)
@click.option("--stop-on", type=click.Choice(("first", "none")), default="none", help="Stop at a failure.")
@click.option("--defect", metavar="NAME", help="Plant this defect of the tests' catalogue.")
@click.option("--defects", is_flag=True, help="Hunt all planted defects and write the kill matrix.")
@click.option("--time-per-defect", default=60.0, help="CPU seconds for each, with --defects.")
@click.option("--check", is_flag=True, help="With --defects: only say whether the matrix is stale.")
@click.option(
    "--twice", "in_pairs", is_flag=True, help="Live each seed twice, in processes that hash unlike."
)
@click.option("--dry-run", is_flag=True, help="Print what the seeds would be, and live none.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="How many processes.")
@click.option("--json", "json_to", metavar="FILE", help="Write the findings as JSON; - is standard output.")
@click.option("--results", type=click.Path(path_type=Path), default=Path("results"), help="Folder for runs.")
def command(**options: Any) -> Exit:
    """Live many simulated clusters, each drawn from a seed, and keep what breaks a promise.

    \b
    pestle explore --topology leader-follower --seeds 1..1000
    pestle explore --topology active-failover --seeds 1..1000
    pestle explore --topology single --time 60 --stop-on first
    pestle explore --topology leader-follower --defect missing-fsync --time 60
    pestle explore --topology leader-follower --seeds 1..1000 --twice
    pestle explore --defects --time-per-defect 60

    Ctrl-C ends it early and keeps what was found; twice aborts. Exit codes: 0 no violation, 1 violation,
    2 more than a quarter of the lives were inconclusive, 254 usage, 255 Pestle itself failed.
    """
    try:
        if options["defects"]:
            return _check(options["results"]) if options["check"] else _hunt(**options)
        if options["check"]:
            raise UserError("--check is about the kill matrix: give --defects too.")
        return _explore(**options)
    except (NoDefectError, ValueError) as error:
        raise UserError(str(error)) from error


def _explore(
    *,
    seeds: tuple[int, int | None] | None,
    time_s: float | None,
    stop_on: str,
    in_pairs: bool,
    dry_run: bool,
    jobs: int,
    json_to: str | None,
    **options: Any,
) -> Exit:
    first, last = seeds or (int.from_bytes(os.urandom(4)), None)
    errand = _errand(**options)
    expand(first, errand.topology, errand.workloads or (), errand.nemeses)
    if last is None and time_s is None and stop_on == "none":
        raise UserError("Say when to end: --seeds A..B, --time SECONDS or --stop-on first.")
    chosen = iter(range(first, last + 1)) if last is not None else itertools.count(first)
    if dry_run:
        return _print(errand, chosen, last)
    if in_pairs:
        pairs = twice.run(errand, chosen, jobs, time_s=time_s)
        return _compare(
            pairs, f"{_command(errand)} --twice --seeds {first}..{first + pairs.lives - 1}", json_to
        )
    repeat = _command(errand)
    quiet = json_to == "-"
    if not quiet:
        click.echo(f"{repeat} --seeds {first}..{'' if last is None else last}")
    with Spawned(jobs) as executor, ExitStack() as stack:
        watch: Silent | Plain = Silent() if quiet else Plain(sys.stderr)
        if not quiet and sys.stderr.isatty():
            watch = Terminal(sys.stderr)
            stack.enter_context(watch.shown())
        campaign = Campaign(
            errand, chosen, executor, jobs, watch, time_s=time_s, stop_on_first=stop_on == "first"
        )
        stack.enter_context(_interruptible(campaign, executor))
        tally = campaign.run()
    return _tell(tally, repeat, _span(tally, first), json_to)


def _errand(
    *,
    topology: str,
    workloads: tuple[str, ...] | None,
    nemeses: tuple[str, ...] | None,
    defect: str | None,
    results: Path,
    **_: Any,
) -> Errand:
    if defect is not None:
        require(defect, topology)
    return Errand(topology, workloads or (), nemeses, defect, results)


def _command(errand: Errand) -> str:
    """The line that repeats it, without the seeds."""
    words = ["pestle", "explore", "--topology", errand.topology]
    words += ["--workload", ",".join(errand.workloads)] if errand.workloads else []
    words += ["--nemesis", ",".join(errand.nemeses) or "none"] if errand.nemeses is not None else []
    words += ["--defect", errand.defect] if errand.defect else []
    return shlex.join(words)


def _print(errand: Errand, seeds: Iterator[int], last: int | None) -> Exit:
    for seed in itertools.islice(seeds, None if last is not None else 10):
        click.echo(str(expand(seed, errand.topology, errand.workloads, errand.nemeses)))
    return Exit.PASS


@contextmanager
def _interruptible(campaign: Campaign, executor: Spawned) -> Iterator[None]:
    """Ctrl-C once stops the campaign, twice kills the workers."""
    presses = 0

    def pressed(_number: int, _frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        if presses > 1:
            executor.abort()
            raise click.Abort
        campaign.stop("interrupt")
        click.echo("\ninterrupted: ending what is under way; again to abort", err=True)

    earlier = {number: signal.signal(number, pressed) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _span(tally: Tally, first: int) -> str:
    return f"{first}..{max(tally.outcomes, default=first)}"


def _tell(tally: Tally, repeat: str, span: str, json_to: str | None) -> Exit:
    """The summary, and at its end verdict, reports and how to repeat it."""
    whole = f"{repeat} --seeds {span}"
    if json_to is not None:
        _write_json(as_json(tally, whole), json_to)
    if json_to != "-":
        for line in lines(tally, repeat):
            click.echo(f"  {line}")
        click.echo(f"\n{WORDS[tally.exit_code]}: {sentence(tally)}")
        if tally.folders:
            click.echo(
                f"reports: {', '.join(f'{path}/report.html' for _, path in sorted(tally.folders.items()))}"
            )
        click.echo(f"repeat:  {whole}")
    return Exit(tally.exit_code)


def _write_json(content: Any, json_to: str) -> None:
    encoded = msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"
    if json_to == "-":
        sys.stdout.buffer.write(encoded)
    else:
        Path(json_to).write_bytes(encoded)


def _compare(pairs: twice.Pairs, repeat: str, json_to: str | None) -> Exit:
    """What came of living each seed in two processes that hash strings differently."""
    if json_to is not None:
        _write_json(twice.as_json(pairs, repeat), json_to)
    if json_to != "-":
        for line in twice.lines(pairs):
            click.echo(f"  {line}")
        click.echo(f"\n{WORDS[pairs.exit_code]}: {pairs.sentence}")
        click.echo(f"repeat:  {repeat}")
    return Exit(pairs.exit_code)


def _hunt(
    *, seeds: tuple[int, int | None] | None, time_per_defect: float, jobs: int, results: Path, **options: Any
) -> Exit:
    """Hunt every planted defect, or the one named, and write the matrix."""
    first = (seeds or (1, None))[0]
    only = (options["defect"],) if options["defect"] else ()
    for name in only:
        find(name)
    named = f" --defect {only[0]}" if only else ""
    repeat = f"pestle explore --defects{named} --time-per-defect {time_per_defect:g} --seeds {first}.."
    with Spawned(jobs) as executor:
        try:
            hunts = kills.hunt_all(kills.targets(only), executor, first, time_per_defect, click.echo)
        except KeyboardInterrupt:
            executor.abort()
            raise click.Abort from None
    for line in kills.table(hunts, repeat):
        if line.startswith("*"):
            click.echo(line)
    if not only:
        kills.write(results, hunts, repeat)
        click.echo(f"report: {results / kills.TABLE}")
    click.echo(f"repeat: {repeat}")
    if options["json_to"] is not None:
        _write_json({"schema": 1, "command": repeat, "hunts": hunts}, options["json_to"])
    return Exit.PASS


def _check(results: Path) -> Exit:
    """Whether the matrix speaks of today's defects."""
    wrong = kills.stale(results)
    for line in wrong:
        click.echo(line)
    click.echo("stale: run `pestle explore --defects`" if wrong else f"{results / kills.TABLE} is up to date")
    return Exit.INCONCLUSIVE if wrong else Exit.PASS
