"""`pestle replay`: a simulated run again, from its seed or from its tape."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from harness.command import Exit, UserError
from harness.explore import regression
from harness.explore.kept import Kept, keep_swarm, keep_tape
from harness.explore.planted import NoDefectError, find
from harness.explore.replay import Divergence, Earlier, NoReplayError, divergence, earlier
from harness.explore.swarm import Swarm, expand
from harness.explore.tape import TapeError, read

WORDS = {0: "PASS", 1: "VIOLATION", 2: "INCONCLUSIVE", 255: "FAILED"}


@click.command(name="replay", context_settings={"show_default": True})
@click.argument("target", metavar="RUN|SEED|TAPE")
@click.option("--tape", "from_tape", is_flag=True, help="Play the choices that were kept, not the seed.")
@click.option("--topology", default="leader-follower", help="Of a SEED.")
@click.option("--workload", "workloads", default="", metavar="A[,B]", help="Of a SEED, as for explore.")
@click.option("--nemesis", "nemeses", metavar="X[,Y]", help="Of a SEED, as for explore.")
@click.option("--defect", metavar="NAME", help="Plant this defect; default: the one the run had.")
@click.option("--healthy", is_flag=True, help="Leave out the defect that the run had.")
@click.option("--results", type=click.Path(path_type=Path), default=Path("results"), help="Folder for runs.")
def command(
    *,
    target: str,
    from_tape: bool,
    topology: str,
    workloads: str,
    nemeses: str | None,
    defect: str | None,
    healthy: bool,
    results: Path,
) -> Exit:
    """Run it again: the same events, or the first one that is another.

    \b
    pestle replay results/runs/explore-single-17/20260102T030405Z
    pestle replay 17 --topology single                a seed of explore, lived twice and compared
    pestle replay --tape results/regressions/NAME     after a change of the code

    The run gets a folder of its own. Exit codes: the run's own verdict (0 pass, 1 violation, 2 inconclusive),
    so that `git bisect run pestle replay --tape ...` finds what mended it; 255 if a run was to be the
    same and is not.
    """
    try:
        if defect is not None:
            find(defect)
        if from_tape:
            return _tape(Path(target), defect, results, healthy=healthy)
        if target.isdecimal():
            swarm = expand(int(target), topology, _names(workloads) or (), _names(nemeses))
            return _seed(swarm, defect, results)
        return _run(earlier(Path(target)), target, defect, results, healthy=healthy)
    except (TapeError, NoReplayError, NoDefectError, ValueError) as error:
        raise UserError(str(error)) from error


def _run(before: Earlier, target: str, defect: str | None, results: Path, *, healthy: bool) -> Exit:
    planted = None if healthy else defect or before.defect
    kept = keep_swarm(before.swarm, planted, results)
    if kept.trace_sha256 == before.trace_sha256:
        click.echo(f"the same run: {len(kept.trace):,} events, trace {kept.trace_sha256}")
        return _tell(kept, f"pestle replay {target}")
    now = kept.trace if before.is_trace else (kept.path / "history.jsonl").read_text().splitlines()
    where = divergence(before.lines, now)
    what = "event" if before.is_trace else "line of the history (no trace was kept)"
    _part(where, what)
    word = kept.results.word
    changed = f"the verdict was {before.verdict} and is {word}" if word != before.verdict else f"still {word}"
    click.echo(f"\nFAILED: not the same run; {changed}. If the code has changed, play its tape: --tape.")
    click.echo(f"report: {kept.path / 'report.html'}\nrepeat: pestle replay {target}")
    return Exit.CRASH


def _part(where: Divergence | None, what: str) -> None:
    """Say where two records part; None: not in what was kept."""
    if where is None:
        click.echo("the traces differ, but not in what was recorded of them")
        return
    click.echo(f"they part at {what} {where.event:,}")
    click.echo(f"  before: {where.before if where.before is not None else '(it had ended)'}")
    click.echo(f"  now:    {where.now if where.now is not None else '(it has ended)'}")


def _seed(swarm: Swarm, defect: str | None, results: Path) -> Exit:
    click.echo(str(swarm))
    first = keep_swarm(swarm, defect, results)
    second = keep_swarm(swarm, defect, results)
    if first.trace_sha256 != second.trace_sha256:
        _part(divergence(first.trace, second.trace), "event")
        click.echo("\nFAILED: the seed is not the same run twice.")
        click.echo(f"reports: {first.path / 'report.html'}, {second.path / 'report.html'}")
        return Exit.CRASH
    click.echo(f"lived twice, the same run: {len(first.trace):,} events, trace {first.trace_sha256}")
    return _tell(first, f"pestle replay {first.path}")


def _names(said: str | None) -> tuple[str, ...] | None:
    if said is None:
        return None
    return tuple(name.strip() for name in said.split(",") if name.strip() and name.strip() != "none")


def _tape(path: Path, defect: str | None, results: Path, *, healthy: bool) -> Exit:
    tape = read(path)
    planted = None if healthy else defect or tape.defect
    kept = keep_tape(replace(tape, defect=planted), results, f"tape-{path.resolve().name}")
    click.echo(f"{len(tape.faults)} faults, {len(tape.steps)} operations, trace {kept.trace_sha256}")
    if (path / regression.EXPECTED).exists():
        _, expected = regression.load(path)
        anomalies = [a for each in kept.results.judged for a in each.verdict.anomalies]
        shows = any((a.clause, a.name) == (expected.clause, expected.anomaly) for a in anomalies)
        click.echo(f"{'shows' if shows else 'does not show'} {expected.goal}")
    return _tell(kept, f"pestle replay --tape {path}")


def _tell(kept: Kept, repeat: str) -> Exit:
    results = kept.results
    click.echo(f"\n{WORDS[results.exit_code]}: {results.sentence}")
    click.echo(f"report: {kept.path / 'report.html'}\nrepeat: {repeat}")
    return Exit(results.exit_code)
