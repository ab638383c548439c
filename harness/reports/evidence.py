"""Evidence: the operations that show a finding, small enough to be understood.

The drawing keeps the order of invocations and completions and gives up their distances: what overlaps
overlaps, what came before is left of what came after, and microseconds are as readable as minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from checkers.history import NEMESIS, Op, Process
from harness.reports import svg, words
from harness.reports.plot import Setting, fault_sentence

DRAWN = 24
LISTED = 200
WIDTH = 1040
LEFT = 92
RIGHT = 40
ROW = 46
FAULT = 16
LETTER = 6.9
"""The width of a letter of the labels, generously."""


@dataclass(frozen=True, slots=True, eq=False)
class Deed:
    """One operation from invocation to completion, as evidence. `end_ns` is None if it never completed."""

    index: int
    process: Process
    f: str
    asked: object
    answered: object
    key: int | str | None
    node: str | None
    start_ns: int
    end_ns: int | None
    outcome: str
    error: str | None

    @property
    def label(self) -> str:
        """The operation in a few letters, without its workload: `read k3 = 5`, `write k3 7 (fail)`."""
        f = self.f.rpartition(":")[2]
        key = "" if self.key is None else f" {self.key}"
        asked = "" if self.asked is None else f" {words.value(self.asked, 40)}"
        if self.outcome == "ok":
            answer = "" if self.answered in (None, self.asked) else f" = {words.value(self.answered, 40)}"
            return f"{f}{key}{asked}{answer}"
        return f"{f}{key}{asked} ({self.outcome})"


class Deeds:
    """Finds the whole operation to which a line of the history belongs.

    Lines are known by process and time, which no two of them share: indices change when a history is split by
    workload.
    """

    def __init__(self, operations: Sequence[Op], wanted: Iterable[Op]) -> None:
        self._wanted = {(line.process, line.time) for line in wanted}
        self._deeds: dict[tuple[Process, int], Deed] = {}
        waiting: dict[Process, Op] = {}
        for op in operations:
            if op.process == NEMESIS:
                continue
            if op.type == "invoke":
                waiting[op.process] = op
            else:
                self._keep(waiting.pop(op.process, None), op)
        for invocation in waiting.values():
            self._keep(invocation, None)

    def _keep(self, invocation: Op | None, completion: Op | None) -> None:
        names = [(line.process, line.time) for line in (invocation, completion) if line is not None]
        if not self._wanted.isdisjoint(names):
            deed = _join(invocation, completion)
            self._deeds |= dict.fromkeys(names, deed)

    def of(self, lines: Iterable[Op]) -> list[Deed]:
        """The whole operations of some lines, each once, in the order in which they began."""
        found = [self._deeds.get((line.process, line.time)) or _join(line, None) for line in lines]
        return sorted(dict.fromkeys(found), key=lambda deed: (deed.start_ns, deed.index))


def _join(invocation: Op | None, completion: Op | None) -> Deed:
    """One operation; either line may be missing, as in a torn history."""
    first = invocation or completion
    assert first is not None, "an operation has at least one line"
    alone = completion is None and first.type != "invoke"
    last = first if alone else completion
    return Deed(
        index=first.index,
        process=first.process,
        f=first.f,
        asked=first.value if first.type == "invoke" else None,
        answered=last.value if last else None,
        key=first.key if first.key is not None else (last.key if last else None),
        node=(last.node if last else None) or first.node,
        start_ns=first.time,
        end_ns=last.time if last else None,
        outcome=last.type if last else "info",
        error=last.error if last else "never completed",
    )


def drawing(deeds: Sequence[Deed], setting: Setting, identity: str, sentence: str) -> Markup:
    """The first DRAWN operations as bars, a lane for each process, in the order of their events."""
    shown = deeds[:DRAWN]
    if not shown:
        return Markup("")
    place = _places(shown)
    processes = list(dict.fromkeys(deed.process for deed in shown))
    faults = _faults(setting, place)
    top = FAULT * len({f.index for f in faults}) + 8
    height = top + ROW * len(processes) + 30
    rows = {process: top + ROW * row for row, process in enumerate(processes)}
    return svg.element(
        "svg",
        svg.element("title", "The operations in the order of their events", id=f"{identity}-title"),
        svg.element("desc", sentence, id=f"{identity}-text"),
        *(_lane(process, rows[process]) for process in processes),
        *(drawn for fault in faults for drawn in fault.draw()),
        *(mark for deed in shown for mark in _bar(deed, shown, place, rows[deed.process])),
        *_moments(place, height - 12),
        class_="plot evidence",
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_labelledby=f"{identity}-title {identity}-text",
    )


def _places(deeds: Sequence[Deed]) -> Mapping[int, float]:
    """The x of every event: evenly spaced in the order of time."""
    moments = sorted({m for deed in deeds for m in (deed.start_ns, deed.end_ns) if m is not None})
    scale = svg.Linear(
        0, max(len(moments) - 1, 1), LEFT + 6, WIDTH - RIGHT - (0 if len(moments) > 1 else 600)
    )
    return {moment: scale(at) for at, moment in enumerate(moments)}


def _lane(process: Process, y: float) -> Markup:
    line = svg.path([f"M{LEFT} {svg.number(y + 32)}H{WIDTH - 8}"], class_="grid")
    return svg.element("g", line, svg.text(LEFT - 10, y + 36, f"process {process}", class_="lane end"))


def _bar(deed: Deed, all_: Sequence[Deed], place: Mapping[int, float], y: float) -> list[Markup]:
    """A bar with its label above; an end that never came is open."""
    start = place[deed.start_ns]
    end = WIDTH - 8.0 if deed.end_ns is None else place[deed.end_ns]
    later = (place[d.start_ns] for d in all_ if d.process == deed.process and d.start_ns > deed.start_ns)
    room = min(later, default=WIDTH - 4) - start
    label = words.value(deed.label, max(4, int(room / LETTER)))
    bar = svg.element(
        "rect",
        class_=f"deed {deed.outcome}",
        x=start,
        y=float(y + 25),
        width=max(end - start, 5.0),
        height=14.0,
        rx=3,
    )
    return [svg.text(start, y + 19, label, class_="deed-label"), bar, *_ending(deed, end, y + 32)]


def _ending(deed: Deed, x: float, y: float) -> list[Markup]:
    """The outcome's shape at the end of the bar: a cross for fail, a question mark for info."""
    if deed.outcome == "fail":
        return [svg.path([f"M{svg.number(x - 10)} {svg.number(y - 4)}l8 8m0 -8l-8 8"], class_="deed-cross")]
    if deed.outcome == "info":
        return [svg.text(x - 10, y + 4.5, "?", class_="deed-sign")]
    return []


def _moments(place: Mapping[int, float], y: float) -> list[Markup]:
    """Times under the events, left out where they would touch."""
    drawn: list[Markup] = []
    free = float("-inf")
    for moment, x in place.items():
        if x >= free:
            side = "axis" if x < WIDTH - 84 else "axis end"
            drawn.append(svg.text(x, y, words.moment(moment), class_=side))
            free = x + 84
    return drawn


@dataclass(frozen=True, slots=True)
class _Band:
    index: int
    start: float
    end: float
    words: str
    family: str
    colour: str

    def draw(self) -> list[Markup]:
        y = FAULT * self.index
        bar = svg.element(
            "rect", class_="bar", x=self.start, y=float(y + 5), width=self.end - self.start, height=7.0
        )
        name = svg.text(LEFT - 10, y + 12, self.family, class_=f"lane end text-{self.colour}")
        title = svg.element("title", self.words)
        return [svg.element("g", title, bar, class_=self.colour), name]


def _faults(setting: Setting, place: Mapping[int, float]) -> list[_Band]:
    """The faults in force between the first and the last event, a lane for each family."""
    first, last = min(place), max(place)
    near = [f for f in setting.faults if f.start_ns <= last and (f.end_ns is None or f.end_ns >= first)]
    families = sorted({fault.family for fault in near})
    bands = []
    for fault in near:
        start = _between(max(fault.start_ns, first), place)
        end = WIDTH - 8.0 if fault.end_ns is None or fault.end_ns >= last else _between(fault.end_ns, place)
        row = families.index(fault.family)
        colour = setting.colour(fault.family)
        bands.append(_Band(row, start, max(end, start + 3), fault_sentence(fault), fault.family, colour))
    return bands


def _between(moment: int, place: Mapping[int, float]) -> float:
    """The x of any moment: between the events around it, in proportion."""
    before = max((m for m in place if m <= moment), default=min(place))
    after = min((m for m in place if m >= moment), default=max(place))
    return svg.Linear(before, after, place[before], place[after])(moment)
