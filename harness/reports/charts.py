"""Charts: latency, rate, and any measured quantity over the time of a run.

Up to POINTS operations are drawn one by one; above that each bucket of time shows its quantiles, and the
worst operations stay as points, so that the page's size is bounded and no outlier disappears.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from harness.reports import svg, words
from harness.reports.operations import OUTCOMES, latencies, rates, step_ns
from harness.reports.plot import INNER, LEFT, Setting, TimePlot, horizontal

POINTS = 20_000
OUTLIERS = 2_000
FLOOR_NS = 1e4
"""Latencies below 10 microseconds are drawn there."""
CURVES = ("p50", "p99")
SERIES = ("solid", "dashed", "dotted")


def latency_chart(operations: pd.DataFrame, setting: Setting) -> Markup:
    """Latency by the moment of completion, logarithmic: points, and curves of the quantiles of `ok`."""
    done = operations[operations["completed"] >= 0]
    high = max(float(done["latency_ns"].max()) if len(done) else 1e9, 1e7)
    low = max(min(float(done["latency_ns"].quantile(0.001)) if len(done) else 1e6, 1e6), FLOOR_NS)
    shown = done if len(done) <= POINTS else done.nlargest(OUTLIERS, "latency_ns")
    curves = latencies(operations, setting.end_ns)

    def scale(top: float, bottom: float) -> svg.Logarithmic:
        return svg.Logarithmic(low / 1.3, high * 1.3, bottom, top)

    def marks(top: float, bottom: float) -> list[Markup]:
        y = scale(top, bottom)
        points = [_points(shown[shown["outcome"] == outcome], outcome, setting, y) for outcome in OUTCOMES]
        return points + [_curve(curves[name], name, setting, y) for name in CURVES]

    def axis(top: float, bottom: float) -> list[Markup]:
        y = scale(top, bottom)
        lines = [m for tick in y.ticks() for m in horizontal(y(tick), words.duration(tick))]
        return lines + _curve_names(curves, y)

    described = (
        f"Latency of {words.count(len(done), 'operation')} that completed, by outcome, with faults as bands."
    )
    return TimePlot(setting, "latency", "Latency", described, 260, marks, axis).draw()


def _points(rows: pd.DataFrame, outcome: str, setting: Setting, y: svg.Logarithmic) -> Markup:
    """ok is a dot, fail a square, info an upright stroke; the style sheet sets caps and width."""
    tail = "v9" if outcome == "info" else "h0"
    lift = 4.5 if outcome == "info" else 0.0
    places = {
        (round(setting.time(end), 1), round(y(latency) - lift, 1))
        for end, latency in zip(rows["end_ns"].tolist(), rows["latency_ns"].tolist(), strict=True)
    }
    pieces = (f"M{svg.number(x)} {svg.number(at)}{tail}" for x, at in sorted(places))
    return svg.path(pieces, class_=f"points {outcome}")


def _curve(values: pd.Series[float], name: str, setting: Setting, y: svg.Logarithmic) -> Markup:
    half = step_ns(setting.end_ns) / 2
    pairs = zip(values.index.tolist(), values.tolist(), strict=True)
    points = [(setting.time(min(start + half, setting.end_ns)), y(value)) for start, value in pairs]
    return svg.path([svg.polyline(points)], class_=f"curve {name}")


def _curve_names(curves: pd.DataFrame, y: svg.Logarithmic) -> list[Markup]:
    """The curves' names at their right end, moved apart if they would touch."""
    if curves.empty:
        return []
    wanted = sorted((y(float(curves[name].iloc[-1])), -rank, name) for rank, name in enumerate(CURVES))
    drawn, free = [], float("-inf")
    for at, _, name in wanted:
        free = max(at, free + 13)
        drawn.append(svg.text(LEFT + INNER + 6, free + 4, name, class_="axis strong"))
    return drawn


def rate_chart(operations: pd.DataFrame, setting: Setting) -> Markup:
    """Completions a second by outcome, in steps; the area below `ok` is filled."""
    table = rates(operations, setting.end_ns)
    high = max(float(table.to_numpy().max()) if len(table) else 0.0, 1.0)

    def scale(top: float, bottom: float) -> svg.Linear:
        return svg.Linear(0, high * 1.05, bottom, top)

    def marks(top: float, bottom: float) -> list[Markup]:
        y = scale(top, bottom)
        steps = {outcome: _steps(table[outcome], setting, y) for outcome in OUTCOMES}
        area = f"{steps['ok']}V{svg.number(bottom)}H0Z"
        lines = [svg.path([steps[outcome]], class_=f"step {outcome}") for outcome in OUTCOMES]
        return [svg.path([area], class_="area ok"), *lines]

    def axis(top: float, bottom: float) -> list[Markup]:
        y = scale(top, bottom)
        return [m for tick in y.ticks(4) for m in horizontal(y(tick), f"{words.three_digits(tick)}/s")]

    described = (
        f"Operations completed a second by outcome, in steps of {words.duration(step_ns(setting.end_ns))}."
    )
    return TimePlot(setting, "rate", "Rate", described, 170, marks, axis).draw()


def _steps(values: pd.Series[float], setting: Setting, y: svg.Linear) -> str:
    pairs = list(zip(values.index.tolist(), values.tolist(), strict=True))
    pieces = [f"M0 {svg.number(y(pairs[0][1]))}"]
    for start, value in pairs:
        pieces.append(f"H{svg.number(setting.time(start))}V{svg.number(y(value))}")
    return "".join([*pieces, f"H{INNER}"])


def series_chart(series: Sequence[Mapping[str, Any]], identity: str, setting: Setting) -> Markup:
    """Measured quantities over time, one curve for each label, one linear scale from 0 (the first unit's)."""
    drawn = [sorted(_numbers(one)) for one in series[: len(SERIES)]]
    if not any(drawn):
        return Markup("")
    unit = str(series[0].get("unit", ""))
    high = max(value for points in drawn for _, value in points) or 1.0

    def scale(top: float, bottom: float) -> svg.Linear:
        return svg.Linear(0, high * 1.08, bottom, top)

    def marks(top: float, bottom: float) -> list[Markup]:
        y = scale(top, bottom)
        kinds = zip(drawn, SERIES, strict=False)
        return [
            svg.path(
                [svg.polyline((setting.time(t), y(v)) for t, v in thinned(points))],
                class_=f"curve series {kind}",
            )
            for points, kind in kinds
        ]

    def axis(top: float, bottom: float) -> list[Markup]:
        y = scale(top, bottom)
        return [m for tick in y.ticks(4) for m in horizontal(y(tick), f"{words.three_digits(tick)} {unit}")]

    labels = ", ".join(str(one.get("label", "")) for one in series)
    return TimePlot(setting, identity, labels, f"{labels} over time, in {unit}.", 150, marks, axis).draw()


def _numbers(one: Mapping[str, Any]) -> list[tuple[int, float]]:
    """The points of a series that are pairs of numbers; what else a file may hold is not drawn."""
    points = one.get("points", ())
    if not isinstance(points, list):
        return []
    return [
        (int(point[0]), float(point[1]))
        for point in points
        if isinstance(point, list) and len(point) == 2 and all(isinstance(n, int | float) for n in point)
    ]


def thinned(points: Sequence[tuple[int, float]], most: int = 1_000) -> list[tuple[int, float]]:
    """At most about `most` points: of each stretch its largest, so that no peak disappears."""
    if len(points) <= most:
        return list(points)
    stride = -(-len(points) // most)
    stretches = (points[at : at + stride] for at in range(0, len(points), stride))
    return [max(stretch, key=lambda point: point[1]) for stretch in stretches]


def series_rows(series: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, int, float, float, float]]:
    """(label, unit, number of points, median, 99th percentile, maximum) of each series."""
    rows = []
    for one in series:
        values = pd.Series([value for _, value in _numbers(one)])
        if len(values):
            quantiles = float(values.quantile(0.5)), float(values.quantile(0.99)), float(values.max())
            rows.append((str(one.get("label", "")), str(one.get("unit", "")), len(values), *quantiles))
    return rows
