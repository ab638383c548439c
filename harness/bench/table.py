"""The figures as rows: for a reader as a table with units, for a program as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.bench.figures import GOALS, Figure, Goal

HEADS = (
    "",
    "arangod-ref",
    "goal",
    "",
    "p50",
    "p99",
    "per CPU second",
    "load busy",
    "redis-server",
    "ours : redis",
)


def rows(ours: Mapping[str, Figure], theirs: Mapping[str, Figure]) -> list[dict[str, Any]]:
    """A record for each goal; what was not measured is None. Latencies are in milliseconds."""
    return [_row(goal, ours[goal.name], theirs.get(goal.name)) for goal in GOALS]


def _row(goal: Goal, ours: Figure, theirs: Figure | None) -> dict[str, Any]:
    load = ours.load
    return {
        "name": goal.name,
        "unit": goal.unit,
        "value": ours.value,
        "goal": goal.bound,
        "better": goal.better,
        "met": goal.met(ours.value),
        "p50_ms": load and load.p50_s * 1e3,
        "p99_ms": load and load.p99_s * 1e3,
        "per_cpu_second": load and ours.server_cpu_s and load.answers / ours.server_cpu_s,
        "load_busy": load and load.busy,
        "redis": theirs and theirs.value,
        "redis_p50_ms": theirs and theirs.load and theirs.load.p50_s * 1e3,
        "redis_p99_ms": theirs and theirs.load and theirs.load.p99_s * 1e3,
        "ratio": theirs and theirs.value and ours.value / theirs.value,
    }


def text(records: Sequence[Mapping[str, Any]]) -> str:
    """The rows as aligned columns."""
    lines = [HEADS, *(_cells(record) for record in records)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, 3) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _cells(record: Mapping[str, Any]) -> tuple[str, ...]:
    unit = record["unit"]
    sign = "\u2265" if record["better"] == "more" else "\u2264"
    return (
        record["name"],
        _amount(record["value"], unit),
        f"{sign} {_amount(record['goal'], unit)}",
        "met" if record["met"] else "MISSED",
        _optional(record["p50_ms"], "{:.2f} ms"),
        _optional(record["p99_ms"], "{:.2f} ms"),
        _optional(record["per_cpu_second"], "{:,.0f}"),
        _optional(record["load_busy"], "{:.0%}"),
        _amount(record["redis"], unit) if record["redis"] is not None else "",
        _optional(record["ratio"], "{:.2f}"),
    )


def _optional(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _amount(value: float, unit: str) -> str:
    if unit == "s":
        return f"{value:.3f} s" if value < 1 else f"{value:.2f} s"
    return f"{value:,.0f}{unit}" if unit == "/s" else f"{value:,.0f} {unit}"
