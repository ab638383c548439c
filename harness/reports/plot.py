"""TimePlot: the frame that every plot over time shares, so that all of them line up.

From top to bottom: a row of phases, a lane for each fault family, a lane for findings, the plot itself with
the faults as faint bands behind the marks, the time axis. What lies in the frame is drawn in an inner picture
whose width can be stretched: zooming in time changes its view box and nothing else, which is why marks there
are horizontal strokes, or points with a stroke that does not scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from harness.reports import svg, words
from harness.reports.run_folder import Fault, Phase

WIDTH = 1100
LEFT = 96
RIGHT = 52
INNER = WIDTH - LEFT - RIGHT
PHASES = 18
LANE = 15
AXIS = 34
FAULT_COLOURS = 6


@dataclass(frozen=True, slots=True)
class Mark:
    """A finding at a moment: where to look."""

    time_ns: int
    kind: str


@dataclass(frozen=True, slots=True)
class Setting:
    """What all plots of a run have in common."""

    end_ns: int
    faults: Sequence[Fault]
    phases: Sequence[Phase]
    marks: Sequence[Mark] = ()
    families: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        """Give each family its lane, in alphabetical order; leave out what was before the first operation."""
        inside = (phase for phase in self.phases if phase.end_ns is None or phase.end_ns > 0)
        from_zero = tuple(Phase(phase.name, max(phase.start_ns, 0), phase.end_ns) for phase in inside)
        object.__setattr__(self, "phases", from_zero)
        object.__setattr__(self, "families", tuple(sorted({fault.family for fault in self.faults})))

    @property
    def time(self) -> svg.Linear:
        """Nanoseconds to the inner picture's x."""
        return svg.Linear(0, self.end_ns, 0, INNER)

    def colour(self, family: str) -> str:
        """The CSS class of a fault family."""
        return f"fault-{self.families.index(family) % FAULT_COLOURS}"

    @property
    def top(self) -> int:
        """Where the plot begins below phases and lanes."""
        return PHASES + LANE * (len(self.families) + bool(self.marks)) + 6


@dataclass(frozen=True, slots=True)
class TimePlot:
    """One plot over the time of a run. `marks` and `axis` get the y where the plot begins and ends."""

    setting: Setting
    identity: str
    title: str
    description: str
    height: int
    marks: Callable[[float, float], Sequence[str]]
    axis: Callable[[float, float], Sequence[str]]

    def draw(self) -> Markup:
        """The whole picture."""
        top, bottom = self.setting.top, self.setting.top + self.height
        total = bottom + AXIS
        inner = svg.element(
            "svg",
            *_bands(self.setting, top, bottom),
            *self.marks(top, bottom),
            class_="zoom",
            x=LEFT,
            y=0,
            width=INNER,
            height=total,
            viewBox=f"0 0 {INNER} {total}",
            preserveAspectRatio="none",
        )
        return svg.element(
            "svg",
            svg.element("title", self.title, id=f"{self.identity}-title"),
            svg.element("desc", self.description, id=f"{self.identity}-text"),
            *_names(self.setting),
            *self.axis(top, bottom),
            inner,
            svg.element("rect", class_="frame", x=LEFT, y=top, width=INNER, height=self.height),
            _time_axis(self.setting, bottom),
            class_="plot time",
            viewBox=f"0 0 {WIDTH} {total}",
            role="img",
            aria_labelledby=f"{self.identity}-title {self.identity}-text",
            data_left=LEFT,
            data_inner=INNER,
            data_end=f"{self.setting.end_ns / 1e9:.6f}",
            data_bottom=bottom,
        )


def _names(setting: Setting) -> list[Markup]:
    """The words left of the lanes, and the phases' names above their stretch."""
    names = [svg.text(LEFT - 8, PHASES - 6, "phase", class_="lane end")] if setting.phases else []
    names += [_phase_name(setting, phase) for phase in setting.phases]
    middle = PHASES + LANE - 4
    names += [
        svg.text(LEFT - 8, middle + LANE * lane, family, class_=f"lane end text-{setting.colour(family)}")
        for lane, family in enumerate(setting.families)
    ]
    if setting.marks:
        y = middle + LANE * len(setting.families)
        names.append(svg.text(LEFT - 8, y, "findings", class_="lane end"))
    return names


def _bands(setting: Setting, top: float, bottom: float) -> list[Markup]:
    """Faults as a bar in their lane and a faint band over the plot; phases as lines; findings as strokes."""
    drawn = [_fault(setting, fault, top, bottom) for fault in setting.faults]
    for phase in setting.phases:
        begin = svg.number(setting.time(phase.start_ns))
        drawn.append(svg.path([f"M{begin} 2V{svg.number(bottom)}"], class_="phase"))
    y = PHASES + LANE * len(setting.families)
    for mark in setting.marks:
        x = setting.time(mark.time_ns)
        drawn.append(svg.path([f"M{svg.number(x)} {y + 2}v{LANE - 4}"], class_=f"finding {mark.kind}"))
    return drawn


def _phase_name(setting: Setting, phase: Phase) -> Markup:
    """The name at the begin of its stretch, or nothing where there is no room for it."""
    end_ns = setting.end_ns if phase.end_ns is None else phase.end_ns
    x, room = setting.time(phase.start_ns), setting.time(end_ns) - setting.time(phase.start_ns)
    return svg.text(
        LEFT + x + 4,
        PHASES - 6,
        phase.name,
        class_="lane phase-name" if room > 6.5 * len(phase.name) else "lane phase-name narrow",
        data_start=f"{phase.start_ns / 1e9:.3f}",
        data_stop=f"{end_ns / 1e9:.3f}",
    )


def _fault(setting: Setting, fault: Fault, top: float, bottom: float) -> Markup:
    start = setting.time(fault.start_ns)
    end = setting.time(setting.end_ns if fault.end_ns is None else fault.end_ns)
    width = max(end - start, 1.5)
    y = PHASES + LANE * setting.families.index(fault.family)
    colour = setting.colour(fault.family)
    worked = "" if fault.effective else " idle"
    return svg.element(
        "g",
        svg.element("title", fault_sentence(fault)),
        svg.element("rect", class_="band", x=start, y=float(top), width=width, height=float(bottom - top)),
        svg.element(
            "rect", class_=f"bar{worked}", x=start, y=float(y + 3), width=width, height=float(LANE - 6)
        ),
        class_=colour,
    )


def fault_sentence(fault: Fault) -> str:
    """One fault in words: what, whom, when, with what effect."""
    end = "never healed on record" if fault.end_ns is None else f"to {words.moment(fault.end_ns)}"
    if fault.effect is None:
        effect = "effect not measured"
    else:
        effect = f"{fault.effect.measure}: {words.count(fault.effect.count)}"
    whom = f" on {', '.join(fault.nodes)}" if fault.nodes else ""
    return f"{fault.family}{whom}, {words.moment(fault.start_ns)} {end}; {effect}"


def _time_axis(setting: Setting, bottom: float) -> Markup:
    scale = svg.Linear(0, setting.end_ns / 1e9, LEFT, LEFT + INNER)
    marks: list[Markup] = []
    for second in scale.ticks(10):
        marks.append(svg.path([f"M{svg.number(scale(second))} {svg.number(bottom)}v5"], class_="tick"))
        marks.append(svg.text(scale(second), bottom + 18, words.three_digits(second), class_="axis middle"))
    name = svg.text(LEFT + INNER, bottom + 31, "seconds since the run began", class_="axis end")
    return svg.element("g", *marks, name, class_="time-axis")


def horizontal(y: float, label: str) -> list[Markup]:
    """A grid line across the plot with its label at the left."""
    line = svg.path([f"M{LEFT} {svg.number(y)}h{INNER}"], class_="grid")
    return [line, svg.text(LEFT - 8, y + 4, label, class_="axis end")]
