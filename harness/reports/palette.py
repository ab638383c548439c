"""Palette: every colour of the report by its meaning, for light and dark.

Text has a contrast of at least 4.5 to 1 against what lies behind it, marks 3 to 1 (WCAG 2.2 AA, 1.4.3 and
1.4.11); a test computes it. No meaning rests on colour alone: outcomes differ in shape, verdicts have a word
and a shape, fault families have labelled lanes.
"""

from __future__ import annotations

from collections.abc import Mapping

GROUNDS = ("page", "panel", "sunk")
TEXTS = ("text", "muted", "link", "held", "violated", "weak", "unknown", "info-text")
MARKS = ("ok", "fail", "info", "line", *(f"fault-{n}" for n in range(6)))

POINT = 0.85
"""Opacity of a point of the latency plot, so that a crowd of them is darker than one."""
BAND = 0.1
"""Opacity of a fault's band behind the marks."""

LIGHT: Mapping[str, str] = {
    "page": "#f4f5f7",
    "panel": "#ffffff",
    "sunk": "#f0f2f5",
    "rule": "#d9dee4",
    "text": "#1b2026",
    "muted": "#56606c",
    "link": "#1457a0",
    "held": "#17703a",
    "violated": "#b3231a",
    "weak": "#6438b5",
    "unknown": "#835300",
    "ok": "#2f78bd",
    "fail": "#68707a",
    "info": "#c8500f",
    "info-text": "#a8400a",
    "line": "#16324f",
    "fault-0": "#0b7a70",
    "fault-1": "#9a3cae",
    "fault-2": "#93640a",
    "fault-3": "#4553b8",
    "fault-4": "#b02f62",
    "fault-5": "#4f7017",
}

DARK: Mapping[str, str] = {
    "page": "#0f1216",
    "panel": "#181c22",
    "sunk": "#20252c",
    "rule": "#343b45",
    "text": "#e7eaee",
    "muted": "#a5afba",
    "link": "#7db8f5",
    "held": "#5cc884",
    "violated": "#ff8379",
    "weak": "#bda4fb",
    "unknown": "#e2b54a",
    "ok": "#5aa5ea",
    "fail": "#98a2ae",
    "info": "#f98d45",
    "info-text": "#fb9a58",
    "line": "#d6e6f7",
    "fault-0": "#3fc1b4",
    "fault-1": "#d58ae6",
    "fault-2": "#d9a441",
    "fault-3": "#929df0",
    "fault-4": "#f07ca8",
    "fault-5": "#9dc058",
}


def declarations(colours: Mapping[str, str]) -> str:
    """The colours as CSS custom properties, `--page:#f4f5f7;...`."""
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


def contrast(one: str, other: str) -> float:
    """The contrast of two `#rrggbb` colours after WCAG 2: 1 (none) to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
