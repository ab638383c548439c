"""Reports: what a person reads about a run, made from the files of its folder and nothing else.

A report answers in this order: what was found and for what claim; which promises that touches; the smallest
evidence; what the documents admit and how large it was here; what happened when; and whether the test could
have found anything at all. A green word without the last part means nothing, so it stands on the same page.

`report.html` is one file that loads nothing: everything is readable without scripts, and the one script in it
adds comfort only (zoom, read-out, theme). The same folder gives the same bytes. Whatever a database or a
client wrote into a history is escaped: it is evidence, never markup.

A run that was killed has a report too; it says which files are missing and draws what was recorded.

Not here: judging. Verdicts are read from `results.json`; no number on the page can change one.
"""

from __future__ import annotations

from pathlib import Path

REPORT = "report.html"


def write_report(folder: Path) -> Path:
    """Build `report.html` in a run's folder and return its path.

    Made from `test.json`, `results.json`, `history.jsonl` and `faults.jsonl`; the report says which of them
    are missing or torn. Raises FileNotFoundError if the folder holds none.
    """
    from harness.reports.page import render  # noqa: PLC0415 - pandas costs a second: only who reports pays it
    from harness.reports.run_folder import read_run  # noqa: PLC0415

    page = render(read_run(folder))
    target = folder / REPORT
    partial = folder / f".{REPORT}.partial"
    partial.write_text(page, encoding="utf-8")
    return partial.replace(target)
