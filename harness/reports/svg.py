"""SVG: elements, scales and ticks. Attributes and text are escaped here and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

Attribute = str | float | int | None


def element(name: str, *children: str, **attributes: Attribute) -> Markup:
    """An element. `class_` is written `class`, `stroke_width` as `stroke-width`; None leaves one out.

    Children that are not Markup are text and are escaped.
    """
    pairs = "".join(
        f' {_attribute_name(key)}="{escape(number(v) if isinstance(v, float) else str(v))}"'
        for key, v in attributes.items()
        if v is not None
    )
    if not children:
        return Markup(f"<{name}{pairs}/>")  # noqa: S704 - attributes were escaped above
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{pairs}>{inside}</{name}>")  # noqa: S704 - attributes and children were escaped


def _attribute_name(key: str) -> str:
    kept = {"viewBox", "preserveAspectRatio"}
    return key if key in kept else key.rstrip("_").replace("_", "-")


def number(value: float) -> str:
    """A coordinate with at most one digit after the point, as short as can be."""
    return f"{value:.1f}".removesuffix(".0")


def text(x: float, y: float, words: str, **attributes: Attribute) -> Markup:
    """Text at a point."""
    return element("text", words, x=float(x), y=float(y), **attributes)


def path(pieces: Iterable[str], **attributes: Attribute) -> Markup:
    """One path out of many pieces; nothing at all for none."""
    d = "".join(pieces)
    return element("path", d=d, **attributes) if d else Markup("")


def polyline(points: Iterable[tuple[float, float]]) -> str:
    """Path data through the points."""
    return "".join(f"{'L' if at else 'M'}{number(x)} {number(y)}" for at, (x, y) in enumerate(points))


@dataclass(frozen=True, slots=True)
class Linear:
    """Maps [low, high] to [start, end]."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where the value is drawn."""
        span = (self.high - self.low) or 1
        return self.start + (value - self.low) / span * (self.end - self.start)

    def ticks(self, about: int = 6) -> list[float]:
        """Round values inside the range: 1, 2 or 5 times a power of ten apart."""
        rough = (self.high - self.low) / about or 1
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
        first, last = math.ceil(self.low / step), math.floor(self.high / step + 1e-9)
        return [n * step for n in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Logarithmic:
    """Maps [low, high], both above 0, to [start, end] by the logarithm; what lies outside goes to the rim."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where the value is drawn."""
        inside = min(max(value, self.low), self.high)
        share = math.log(inside / self.low) / (math.log(self.high / self.low) or 1)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """The powers of ten inside the range."""
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        return [10.0**n for n in range(first, last + 1)]
