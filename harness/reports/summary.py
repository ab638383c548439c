"""Summary: a run in one screen of Markdown, for a pull request, a chat or a terminal. At most 60 kB.

It leaves out what needs a drawing; `report.html` has that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.reports import words
from harness.reports.run_folder import Finding, RunFolder, read_run
from harness.reports.verdicts import EXPECTATIONS, headline

LIMIT_BYTES = 60_000
FINDINGS = 20


def summary(folder: Path) -> str:
    """The run in Markdown. Raises FileNotFoundError if the folder is not a run's."""
    run = read_run(folder)
    parts = [_head(run), *_clauses(run)]
    if run.results:
        parts += _findings("Anomalies", run.results.anomalies)
        parts += _findings("Weaknesses demonstrated (admitted by the documentation)", run.results.weaknesses)
    parts += [*_faults(run), *_repeat(run)]
    text = "\n\n".join(parts) + "\n"
    if len(text.encode()) <= LIMIT_BYTES:
        return text
    cut = text.encode()[: LIMIT_BYTES - 100].decode(errors="ignore").rpartition("\n")[0]
    return f"{cut}\n\nCut here at {LIMIT_BYTES // 1000} kB; `report.html` has everything.\n"


def _head(run: RunFolder) -> str:
    head = headline(run)
    reasons = [*(run.results.reasons if run.results else ()), *run.remarks]
    lines = "".join(f"\n- {_plain(reason)}" for reason in reasons)
    title = f"## {head.word}: {_plain(run.test.name or run.path.name)}"
    return f"{title}\n\n{_plain(head.sentence)}\n{lines}".rstrip()


def _clauses(run: RunFolder) -> list[str]:
    if not run.results or not run.results.clauses:
        return []
    rows = [
        (
            c.id,
            c.says,
            EXPECTATIONS.get(c.expect, c.expect),
            c.verdict,
            f"{c.operations:,}",
            f"{c.exposures:,}",
        )
        for c in run.results.clauses
    ]
    return [_table(("Clause", "Says", "Expected", "This run", "Operations", "Exposures"), rows)]


def _findings(title: str, findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return []
    lines = [_finding(finding) for finding in findings[:FINDINGS]]
    if len(findings) > FINDINGS:
        lines.append(f"- and {len(findings) - FINDINGS:,} more")
    return [f"### {title}", "\n".join(lines)]


def _finding(finding: Finding) -> str:
    clause = f" ({_plain(finding.clause)})" if finding.clause else ""
    where = ", ".join(str(op.index) for op in finding.operations[:10])
    operations = f" Operations {where}." if where else ""
    return f"- **{_plain(finding.name)}**{clause}: {_plain(words.sentence(finding.sentence))}{operations}"


def _faults(run: RunFolder) -> list[str]:
    if not run.results or not run.results.faults:
        return []
    rows = [
        (family, f"{t.injected:,}", f"{t.effective:,}", t.measure or "", f"{t.count or 0:,}")
        for family, t in sorted(run.results.faults.items())
    ]
    return [_table(("Fault", "Injected", "Effective", "Measured", "Count"), rows)]


def _repeat(run: RunFolder) -> list[str]:
    return [f"Repeat: `{run.test.command.replace('`', '')}`"] if run.test.command else []


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: on one line, and without meaning in its characters."""
    line = " ".join(words.value(text, 500).split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#&!~" else letter for letter in line)
