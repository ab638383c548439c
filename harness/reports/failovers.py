"""Failovers: how long each took, what it lost, and who ran what, for the report.

Everything is taken from the statistics of the workloads `leadership` or `redirects` (times), `leadership`
(split brains) and `failover_loss` (losses). Not here: how these are measured, which is
`checkers.failover_times`, `checkers.leadership` and `checkers.failover_loss`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from harness.reports import svg
from harness.reports.run_folder import RunFolder

MEASURES = {
    "detection_ms": "detection",
    "election_ms": "election",
    "takeover_ms": "takeover",
    "first_write_ms": "first write",
    "unavailable_ms": "no writes for",
}
_WIDTH, _BOX, _ROW = 640, 150, 54


@dataclass(frozen=True, slots=True)
class Failovers:
    """What the report says of them. `rows` and `summary` have the MEASURES in order, in ms (None: unseen)."""

    rows: Sequence[tuple[Mapping[str, Any], Sequence[float | None]]]
    summary: Sequence[tuple[str, Mapping[str, float]]]
    losses: Mapping[str, Any] | None
    split_brain_ms: Sequence[float] | None
    picture: Markup


def failovers(run: RunFolder) -> Failovers | None:
    """The section, or None for a run without active failover."""
    if run.test.topology != "active-failover" or run.results is None:
        return None
    of = {name: each.get("statistics", {}) for name, each in run.results.workloads.items()}
    timed = [of[name] for name in ("leadership", "redirects") if "times" in of.get(name, {})]
    times: Mapping[str, Any] = timed[0]["times"] if timed else {}
    summary = times.get("summary", {})
    return Failovers(
        rows=[(each, [each.get(measure) for measure in MEASURES]) for each in times.get("failovers", ())],
        summary=[(word, summary[measure]) for measure, word in MEASURES.items() if summary.get(measure)],
        losses=of.get("failover_loss", {}).get("loss"),
        split_brain_ms=of.get("leadership", {}).get("leadership", {}).get("split_brain_ms"),
        picture=picture(run),
    )


def picture(run: RunFolder) -> Markup:
    """The nodes with their agents and servers: agents above, servers below."""
    nodes = list(run.test.nodes)
    agents = str(run.test.database.get("agents", "")).split(", ")
    servers = str(run.test.database.get("servers", "")).split(", ")
    marks: list[Markup] = []
    for place, node in enumerate(nodes):
        x = 8.0 + place * (_BOX + 12)
        marks.append(svg.text(x + _BOX / 2, 14, node, class_="axis middle"))
        for row, (word, those) in enumerate((("agent", agents), ("server", servers))):
            if node in those:
                y = 22.0 + row * _ROW
                marks.append(
                    svg.element("rect", class_="grid", x=x, y=y, width=_BOX, height=40, rx=6, fill="none")
                )
                marks.append(svg.text(x + 10, y + 25, word, class_="deed-label"))
    width = max(_WIDTH, 16 + len(nodes) * (_BOX + 12))
    words = f"Agents on {', '.join(agents)}; servers on {', '.join(servers)}"
    return svg.element(
        "svg", svg.element("title", words), *marks,
        class_="plot", viewBox=f"0 0 {width} {22 + 2 * _ROW}", role="img", aria_label=words,
    )  # fmt: skip
