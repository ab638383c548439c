"""`pestle check`: judge a stored history by its operations alone.

Whether the run behind it was meaningful (enough operations, faults that struck) is the run's question and
not the file's: `pestle run` answers it.
"""

from __future__ import annotations

import collections
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from checkers import foreign
from checkers.availability import Availability
from checkers.bank import Bank
from checkers.codec import MalformedFileError
from checkers.convergence import Convergence
from checkers.counter import Counter
from checkers.history import UNTIMED, History, MalformedHistoryError, Op
from checkers.linearizability import Linearizable
from checkers.models import NAMES, model
from checkers.native import AVAILABLE, NOTICE
from checkers.outcomes import Outcomes
from checkers.sessions import Sessions
from checkers.set_full import SetFull
from checkers.statistics import Statistics
from checkers.total_queue import TotalQueue
from checkers.transactions import consistency
from checkers.transactions.checker import ListAppend, RwRegister
from checkers.unique_ids import UniqueIds
from checkers.verdict import Anomaly, Checker, Limits, Verdict
from harness.command import Exit, UserError

_CHECKERS: Mapping[str, Callable[[str | None, bool], Checker]] = {
    "linearizable": lambda model_name, _: Linearizable(model(model_name or _DEFAULT_MODEL)),
    "list-append": lambda model_name, _: ListAppend(model_name or _DEFAULT_CLAIM),
    "rw-register": lambda model_name, _: RwRegister(model_name or _DEFAULT_CLAIM),
    "set-full": lambda _, linearizable: SetFull(linearizable=linearizable),
    "bank": lambda _, __: Bank(),
    "counter": lambda _, __: Counter(),
    "total-queue": lambda _, __: TotalQueue(),
    "unique-ids": lambda _, __: UniqueIds(),
    "sessions": lambda _, __: Sessions(),
    "outcomes": lambda _, __: Outcomes(),
    "convergence": lambda _, __: Convergence(),
    "availability": lambda _, __: Availability(),
    "statistics": lambda _, __: Statistics(),
}
_WHOLE_HISTORY = frozenset({"availability", "statistics"})
"""Checkers to which it does not matter which workload an operation belongs to."""
_CODES = {"valid": Exit.PASS, "invalid": Exit.VIOLATION, "unknown": Exit.INCONCLUSIVE}
_DEFAULT_MODEL = "cas-register"
_DEFAULT_CLAIM = "strict-serializable"
_CLAIMS = (*consistency.NAMES, *consistency.ALIASES)
_MODELS: Mapping[str, Sequence[str]] = {"linearizable": NAMES, "list-append": _CLAIMS, "rw-register": _CLAIMS}
_MOST_LINES = 12
_MOST_CHARACTERS = 60


@click.command(short_help="Judge a stored history.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--checker", "checker_name", type=click.Choice(tuple(_CHECKERS)), required=True, help="Who judges."
)
@click.option(
    "--model",
    "model_name",
    metavar="NAME",
    help=f"For linearizable: how the object behaves.  [default: {_DEFAULT_MODEL}]  For list-append and "
    f"rw-register: the consistency that is claimed.  [default: {_DEFAULT_CLAIM}]",
)
@click.option(
    "--linearizable", is_flag=True, help="For set-full: a read that misses a known element is a violation."
)
@click.option(
    "--format", "format_name", type=click.Choice(tuple(foreign.FORMATS)), help="[default: as the file begins]"
)
@click.option("--workload", metavar="NAME", help="Judge only this workload of a run that had several.")
@click.option(
    "--independent", is_flag=True, help="Values are [key, value], as in Jepsen's independent tests."
)
@click.option(
    "--time-limit",
    "time_limit_s",
    type=click.FloatRange(min=0),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="For reading and judging.",
)
@click.option(
    "--memory-limit",
    "memory_limit_mb",
    type=click.FloatRange(min=0),
    default=2048,
    show_default=True,
    metavar="MB",
    help="For judging, beside the history.",
)
@click.option(
    "--json", "json_file", metavar="FILE", help="Write the verdict as JSON; - for standard output only."
)
@click.option(
    "--svg",
    "svg_file",
    metavar="FILE",
    help="For list-append and rw-register: draw the shortest cycle found.",
)
@click.pass_context
def command(
    context: click.Context,
    *,
    file: Path,
    checker_name: str,
    model_name: str | None,
    linearizable: bool,
    format_name: str | None,
    workload: str | None,
    independent: bool,
    time_limit_s: float,
    memory_limit_mb: float,
    json_file: str | None,
    svg_file: str | None,
) -> None:
    """Judge the history in FILE (or in a run's folder) by its operations alone.

    \b
    pestle check history.jsonl --checker linearizable
    pestle check history.jsonl --checker linearizable --model register --workload register
    pestle check history.jsonl --checker set-full --json verdict.json
    pestle check history.edn --checker linearizable --independent
    pestle check history.edn --checker list-append --model snapshot-isolation
    pestle check etcd_000.log --checker linearizable --format jepsen-log

    Exit code: 0 nothing wrong, 1 a violation, 2 a limit was reached or the operations do not suffice,
    254 the file is missing or malformed.
    """
    _expect_fitting(checker_name, model_name, linearizable, svg_file)
    source = _Source(file, format_name, workload, independent)
    limits = Limits(time_limit_s, int(memory_limit_mb * 2**20))
    verdict = _judge(source, checker_name, _CHECKERS[checker_name](model_name, linearizable), limits)
    if json_file is not None:
        _write_json(verdict, json_file)
    if svg_file is not None:
        _write_svg(verdict, svg_file)
    if json_file != "-":
        click.echo("\n".join((*_text(verdict), f"repeat: {_repeat(context)}")))
    context.exit(_CODES[verdict.word])


@dataclass(frozen=True, slots=True)
class _Source:
    """What to judge: a file, and which part of it."""

    file: Path
    format_name: str | None
    workload: str | None
    independent: bool


def _expect_fitting(
    checker_name: str, model_name: str | None, linearizable: bool, svg_file: str | None
) -> None:
    """Options that some checkers have must be given to one of them."""
    if model_name and checker_name not in _MODELS:
        raise UserError(f"--model belongs to --checker {', '.join(_MODELS)}, not to {checker_name}")
    if model_name and model_name not in _MODELS[checker_name]:
        known = ", ".join(_MODELS[checker_name])
        raise UserError(f"--checker {checker_name} has no --model {model_name}; it has {known}")
    if linearizable and checker_name != "set-full":
        raise UserError(f"--linearizable belongs to --checker set-full, not to {checker_name}")
    if svg_file is not None and checker_name not in ("list-append", "rw-register"):
        raise UserError(f"--svg belongs to --checker list-append and rw-register, not to {checker_name}")


def _judge(source: _Source, checker_name: str, checker: Checker, limits: Limits) -> Verdict:
    """Read and judge, both within the limit of time."""
    begun_s = time.monotonic()
    whole = not source.independent and source.workload is None
    if whole and isinstance(checker, Linearizable | ListAppend | RwRegister):
        if not AVAILABLE:
            click.echo(f"note: {NOTICE}", err=True)
        verdict = _of_lines(checker, source, limits)
        if verdict is not None:
            return verdict
    history = _load(source)
    if source.independent:
        history = foreign.take_keys_out(history)
    history = _of_workload(history, source.workload, checker_name)
    if limits.time_s is not None:
        left_s = max(0, limits.time_s - (time.monotonic() - begun_s))
        limits = Limits(left_s, limits.memory_bytes)
    try:
        verdict = checker.check(history, limits)
    except MalformedHistoryError as error:
        raise UserError(f"{source.file}: {error}") from None
    for note in history.notes:
        click.echo(f"note: {source.file}: {note}", err=True)
    return verdict


def _of_lines(
    checker: Linearizable | ListAppend | RwRegister, source: _Source, limits: Limits
) -> Verdict | None:
    """The verdict on a file of our own format without making a history of it; None if that cannot be."""
    with _reading(source.file) as path:
        if (source.format_name or foreign.guess(path)) != "jsonl":
            return None
        return checker.check_lines(path.read_bytes(), limits)


def _load(source: _Source) -> History:
    with _reading(source.file) as path:
        return foreign.load(path, source.format_name)


@contextmanager
def _reading(file: Path) -> Iterator[Path]:
    """The file, or that of a run's folder; what goes wrong with it is told to the user."""
    path = file / "history.jsonl" if file.is_dir() else file
    try:
        yield path
    except MalformedFileError as error:
        raise UserError(f"{path}: {error}") from None
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror or error}; give a history or a run's folder"
        ) from None


def _of_workload(history: History, workload: str | None, checker_name: str) -> History:
    names = history.workloads()
    if workload is not None:
        if workload not in names:
            raise UserError(f"the history has no workload {workload}: {_choice(names)}")
        return history.of_workload(workload)
    if names and checker_name not in _WHOLE_HISTORY:
        raise UserError(f"the history is of several workloads, choose with --workload: {_choice(names)}")
    return history


def _choice(names: Sequence[str]) -> str:
    return f"it has {', '.join(names)}" if names else "its operations name none"


def _write_json(verdict: Verdict, json_file: str) -> None:
    content = msgspec.json.format(msgspec.json.encode(_plain(verdict)), indent=2) + b"\n"
    if json_file == "-":
        click.echo(content, nl=False)
        return
    try:
        Path(json_file).write_bytes(content)
    except OSError as error:
        raise UserError(f"cannot write {json_file}: {error.strerror}") from None


def _write_svg(verdict: Verdict, svg_file: str) -> None:
    findings = (*verdict.anomalies, *verdict.weaknesses)
    drawing = next((a.details["drawing"] for a in findings if "drawing" in a.details), None)
    if drawing is None:
        click.echo(f"note: no cycle was found, so {svg_file} is not written", err=True)
        return
    try:
        Path(svg_file).write_text(drawing, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {svg_file}: {error.strerror}") from None


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {
        "schema": 1,
        "verdict": verdict.word,
        "anomalies": list(verdict.anomalies),
        "statistics": dict(verdict.statistics),
        "reasons": list(verdict.reasons),
    }


def _text(verdict: Verdict) -> Iterator[str]:
    """The verdict for a terminal: evidence first, the answer and how to repeat it last."""
    for anomaly in verdict.anomalies:
        yield from (f"{anomaly.name}: {anomaly.sentence}", *_table(anomaly), "")
    yield from _lines(verdict.statistics)
    yield from (f"reason: {reason}" for reason in verdict.reasons)
    yield f"verdict: {verdict.word}{_summary(verdict.anomalies)}"


def _repeat(context: click.Context) -> str:
    """The command line with the options that were given."""
    given = ["pestle", "check"]
    for parameter in context.command.params:
        name, value = parameter.name or "", context.params[parameter.name or ""]
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = [] if isinstance(parameter, click.Argument) else parameter.opts[:1]
            given += (
                option
                if value is True
                else [*option, f"{value:g}" if isinstance(value, float) else str(value)]
            )
    return shlex.join(given)


def _summary(anomalies: Sequence[Anomaly]) -> str:
    counts = collections.Counter(anomaly.name for anomaly in anomalies)
    return f" ({', '.join(f'{count} {name}' for name, count in counts.items())})" if counts else ""


def _table(anomaly: Anomaly) -> Iterator[str]:
    rows = [
        ("index", "time ms", "process", "type", "f", "key", "value", "node"),
        *map(_row, anomaly.operations),
    ]
    shown = rows[: _MOST_LINES + 1]
    widths = [max(len(row[column]) for row in shown) for column in range(len(rows[0]))]
    used = [column for column in range(len(rows[0])) if any(row[column] for row in shown[1:])]
    for row in shown:
        yield ("  " + "  ".join(row[column].ljust(widths[column]) for column in used)).rstrip()
    if len(rows) > len(shown):
        yield f"  … and {len(rows) - len(shown)} more; --json FILE has them all"


def _row(op: Op) -> tuple[str, ...]:
    return (
        str(op.index),
        "" if op.time == UNTIMED else f"{op.time / 1e6:.3f}",
        str(op.process),
        op.type,
        op.f,
        "" if op.key is None else str(op.key),
        _short(op.value),
        op.node or "",
    )


def _short(value: Any) -> str:
    written = msgspec.json.encode(value).decode()
    return written if len(written) <= _MOST_CHARACTERS else written[: _MOST_CHARACTERS - 1] + "…"


def _lines(statistics: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    for name, value in statistics.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{name}:"
            yield from _lines(value, indent + "  ")
        elif isinstance(value, list):
            yield f"{indent}{name}: {', '.join(map(str, value)) or 'none'}"
        elif value is not None and value != {}:
            yield f"{indent}{name}: {round(value, 3) if isinstance(value, float) else value}"
