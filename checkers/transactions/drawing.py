"""A cycle as a picture: its transactions on a circle, an arrow for each dependency; an SVG, no script."""

from __future__ import annotations

from html import escape
from math import cos, hypot, pi, sin

from checkers.transactions.cycles import Cycle, follows
from checkers.transactions.dependency import Kind
from checkers.transactions.finding import Evidence
from checkers.transactions.sentences import name_key, show
from checkers.transactions.transaction import Txn

_COLOURS = {
    Kind.WW: "#b03060",
    Kind.WR: "#2060b0",
    Kind.RW: "#c07000",
    Kind.PROCESS: "#507050",
    Kind.REALTIME: "#606060",
}
_LINE = 15
_CHARACTER = 6.7
_MOST_LINES = 6
_MOST_CHARACTERS = 36
_STYLE = (
    "text{font:12px monospace}.head{font-weight:bold}rect{fill:#f6f6f2;stroke:#888}"
    "path{fill:none;stroke-width:1.6}"
)


def draw(cycle: Cycle, evidence: Evidence) -> str:
    """The SVG of a cycle."""
    boxes = [_lines(place, evidence.txns[step.source]) for place, step in enumerate(cycle.steps, 1)]
    width = max(len(line) for box in boxes for line in box) * _CHARACTER + 16
    height = max(map(len, boxes)) * _LINE + 12
    radius = max(110.0, len(boxes) * max(width, height) * 0.62 / pi + 60)
    middle = (radius + width / 2 + 60, radius + height / 2 + 20)
    centres = [
        (middle[0] + radius * sin(2 * pi * n / len(boxes)), middle[1] - radius * cos(2 * pi * n / len(boxes)))
        for n in range(len(boxes))
    ]
    parts = [
        _arrow(centres[place], centres[(place + 1) % len(boxes)], step.kind, (width, height))
        for place, (step, _) in enumerate(follows(cycle))
    ]
    parts += [_box(centre, box, width) for centre, box in zip(centres, boxes, strict=True)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * middle[0]:.0f} {2 * middle[1]:.0f}" '
        f'width="{2 * middle[0]:.0f}" height="{2 * middle[1]:.0f}"><title>{escape(cycle.name)}</title>'
        f"<style>{_STYLE}</style><defs>{''.join(map(_head, _COLOURS))}</defs>{''.join(parts)}</svg>"
    )


def _lines(place: int, txn: Txn) -> list[str]:
    """The text of a box."""
    written = [
        f"{mop.f} {name_key(mop.key)} {'?' if mop.f == 'r' and txn.type != 'ok' else show(mop.value)}"
        for mop in txn.mops
    ]
    if len(written) > _MOST_LINES:
        written = [*written[:_MOST_LINES], f"… and {len(txn.mops) - _MOST_LINES} more"]
    head = f"T{place}: index {txn.begin}, process {txn.process}"
    return [
        line if len(line) <= _MOST_CHARACTERS else f"{line[:_MOST_CHARACTERS]}…" for line in (head, *written)
    ]


def _box(centre: tuple[float, float], lines: list[str], width: float) -> str:
    height = len(lines) * _LINE + 12
    left, top = centre[0] - width / 2, centre[1] - height / 2
    text = "".join(
        f'<text x="{left + 8:.1f}" y="{top + 16 + _LINE * n:.1f}" class="{"mop" if n else "head"}">'
        f"{escape(line)}</text>"
        for n, line in enumerate(lines)
    )
    return f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height}" rx="5"/>{text}'


def _arrow(
    begin: tuple[float, float], end: tuple[float, float], kind: Kind, size: tuple[float, float]
) -> str:
    """A bent arrow from the edge of one box to that of another, with the kind beside it."""
    (x, y), (u, v) = begin, end
    length = hypot(u - x, v - y)
    bend = (-(v - y) / length * 40, (u - x) / length * 40)
    middle = ((x + u) / 2 - bend[0], (y + v) / 2 - bend[1])
    (x, y), (u, v) = _edge(begin, middle, size), _edge(end, middle, size)
    name = kind.name.lower()
    return (
        f'<path d="M{x:.1f},{y:.1f} Q{middle[0]:.1f},{middle[1]:.1f} {u:.1f},{v:.1f}" '
        f'stroke="{_COLOURS[kind]}" marker-end="url(#{name})"/>'
        f'<text x="{middle[0]:.1f}" y="{middle[1]:.1f}" text-anchor="middle" '
        f'fill="{_COLOURS[kind]}">{name}</text>'
    )


def _edge(
    centre: tuple[float, float], towards: tuple[float, float], size: tuple[float, float]
) -> tuple[float, float]:
    """Where the line from the centre of a box leaves it."""
    dx, dy = towards[0] - centre[0], towards[1] - centre[1]
    scale = min(
        (size[0] / 2 + 4) / abs(dx) if dx else float("inf"),
        (size[1] / 2 + 4) / abs(dy) if dy else float("inf"),
    )
    return centre[0] + dx * scale, centre[1] + dy * scale


def _head(kind: Kind) -> str:
    return (
        f'<marker id="{kind.name.lower()}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" style="fill:{_COLOURS[kind]}"/></marker>'
    )
