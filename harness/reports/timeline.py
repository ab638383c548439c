"""Timeline: what every client was doing, under the faults that were in force.

One lane a worker. Up to SINGLE operations each is a bar from invocation to completion; above that a lane is
cut into cells, whose height says how many operations of an outcome completed there.
"""

from __future__ import annotations

import math

import pandas as pd
from markupsafe import Markup

from harness.reports import svg, words
from harness.reports.operations import OUTCOMES
from harness.reports.plot import INNER, LEFT, Setting, TimePlot

SINGLE = 20_000
CELLS = 240
LANES = 48
"""More workers than this share lanes."""


def timeline(operations: pd.DataFrame, setting: Setting) -> Markup:
    """Lanes of operations, by worker."""
    workers = int(operations["lane"].max()) + 1 if len(operations) else 1
    lanes = min(workers, LANES)
    height = lanes * _lane_height(lanes)
    single = len(operations) <= SINGLE

    def marks(top: float, _bottom: float) -> list[Markup]:
        draw = _bars if single else _cells
        return [draw(operations, outcome, setting, top, lanes) for outcome in OUTCOMES]

    def axis(top: float, _bottom: float) -> list[Markup]:
        return _lane_names(top, lanes, workers)

    kind = "Each operation is a bar" if single else "Cells count completed operations"
    described = f"{kind}, one lane a client, {words.count(workers, 'client')}, with faults as bands."
    return TimePlot(setting, "timeline", "Timeline", described, height, marks, axis).draw()


def _lane_height(lanes: int) -> int:
    return max(7, min(20, 300 // lanes))


def _lane_names(top: float, lanes: int, workers: int) -> list[Markup]:
    height = _lane_height(lanes)
    every = max(1, math.ceil(12 / height))
    shared = "" if workers == lanes else "*"
    return [
        svg.text(LEFT - 8, top + height * (lane + 0.5) + 4, f"client {lane}{shared}", class_="lane end")
        for lane in range(0, lanes, every)
    ]


def _bars(operations: pd.DataFrame, outcome: str, setting: Setting, top: float, lanes: int) -> Markup:
    """ok and info on the lane's line, fail below it; strokes are as thick as the style sheet says."""
    rows = operations[operations["outcome"] == outcome]
    height = _lane_height(lanes)
    shift = 0.5 if outcome != "fail" else 0.85
    columns = (rows[name].tolist() for name in ("start_ns", "end_ns", "lane"))
    pieces = []
    for start_ns, end_ns, lane in zip(*columns, strict=True):
        start, end = setting.time(start_ns), setting.time(end_ns)
        y = top + height * (lane % lanes + shift)
        pieces.append(f"M{svg.number(start)} {svg.number(y)}h{svg.number(max(end - start, 0.6))}")
    thick = height * (0.25 if outcome == "fail" else 0.55)
    return svg.path(pieces, class_=f"bars {outcome}", stroke_width=svg.number(thick))


BANDS = {"ok": (0.0, 0.65), "fail": (0.7, 0.3), "info": (0.0, 1.0)}
"""Which part of a lane an outcome's cells have, (from, height): none may hide another."""


def _cells(operations: pd.DataFrame, outcome: str, setting: Setting, top: float, lanes: int) -> Markup:
    """Density: in each cell a column whose height grows with the logarithm of the count."""
    rows = operations[operations["outcome"] == outcome]
    cell = rows["end_ns"] * CELLS // (setting.end_ns + 1)
    counts = rows.groupby([rows["lane"] % lanes, cell]).size()
    lane_height, width = _lane_height(lanes), INNER / CELLS
    begin, share = BANDS[outcome]
    most = math.log1p(max(counts.tolist(), default=1))
    wide = 1.6 if outcome == "info" else 4
    pieces = []
    for (lane, at), number in zip(counts.index.tolist(), counts.tolist(), strict=True):
        tall = (lane_height - 2) * share * max(math.log1p(number) / most, 0.3)
        y = top + lane_height * lane + 1 + (lane_height - 2) * (begin + share)
        h = svg.number(tall)
        pieces.append(f"M{svg.number(at * width)} {svg.number(y)}v-{h}h{wide}v{h}z")
    return svg.path(pieces, class_=f"cells {outcome}")
