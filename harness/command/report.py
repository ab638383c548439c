"""`pestle report`: build a run's report again from its files."""

from __future__ import annotations

from pathlib import Path

import click

from harness.command import UserError
from harness.reports import write_report


@click.command()
@click.argument("run_folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--summary", "as_summary", is_flag=True, help="Print a short summary in Markdown instead.")
def command(run_folder: Path, as_summary: bool) -> None:
    """Build report.html of a finished or killed run again and print its path.

    RUN_FOLDER holds test.json, results.json, history.jsonl and faults.jsonl; which of them is missing or torn
    is said in the report. Nothing is judged here: for that, `pestle check RUN_FOLDER/history.jsonl`.
    """
    try:
        if as_summary:
            from harness.reports.summary import summary  # noqa: PLC0415 - only who asks for it pays

            click.echo(summary(run_folder), nl=False)
        else:
            click.echo(write_report(run_folder))
    except FileNotFoundError as error:
        raise UserError(str(error)) from error
    except PermissionError as error:
        raise UserError(
            f"{error.filename} may not be written; give yourself the right or copy the run."
        ) from error
