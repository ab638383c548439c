"""Words: numbers and values as a reader wants them, always with their unit."""

from __future__ import annotations

from typing import Any

import msgspec

ELLIPSIS = "\u2026"
SHOWN = 6


def duration(time_ns: float) -> str:
    """A length of time with a fitting unit and three digits: "340 ms", "1.25 s", "3 min 20 s"."""
    if time_ns >= 120e9:
        minutes, seconds = divmod(round(time_ns / 1e9), 60)
        return f"{minutes} min {seconds} s"
    for unit, size in (("s", 1e9), ("ms", 1e6), ("\u00b5s", 1e3)):
        if time_ns >= size:
            return f"{three_digits(time_ns / size)} {unit}"
    return f"{time_ns:.0f} ns"


def three_digits(number: float) -> str:
    """A number with three significant digits and no exponent, trailing zeros dropped."""
    if abs(number) >= 100:
        return f"{number:,.0f}"
    text = f"{number:.2f}" if abs(number) < 10 else f"{number:.1f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def moment(time_ns: int) -> str:
    """A point in time of the run, in seconds to the millisecond: "12.345 s"."""
    return f"{time_ns / 1e9:,.3f} s"


def count(number: int, noun: str | None = None) -> str:
    """A count with thousands separators; with a noun, that too, in the right number: "1 fault"."""
    if noun is None:
        return f"{number:,}"
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(number_of_bytes: int) -> str:
    """A size in bytes, in decimal units."""
    if number_of_bytes < 1_000:
        return f"{number_of_bytes} B"
    if number_of_bytes < 1_000_000:
        return f"{number_of_bytes / 1_000:.1f} kB"
    return f"{number_of_bytes / 1_000_000:.1f} MB"


def percent(part: float, whole: float) -> str:
    """A share in percent, one digit after the point; never rounded to 0 or 100 unless it is."""
    if not whole:
        return "\u2013"
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "< 0.1 %"
    if 99.9 < share < 100:
        return "> 99.9 %"
    return f"{share:.1f} %".replace(".0 %", " %")


def value(anything: Any, limit: int = 120) -> str:
    """A value as compact JSON, cut at `limit` characters with an ellipsis."""
    text = anything if isinstance(anything, str) else msgspec.json.encode(anything).decode()
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS


def sentence(text: str | None) -> str:
    """The text with a capital letter, unless it begins with a name or a path, and a full stop."""
    said = (text or "").strip()
    first = said[:1].upper() if said.partition(" ")[0].isalpha() else said[:1]
    return first + said[1:] + ("" if not said or said[-1] in ".!?:" else ".")


def fact(anything: Any) -> str:
    """A measured detail in words: "p50 3, p99 80"; of a long list its length and its end."""
    if isinstance(anything, dict):
        pairs = ((key.replace("_", " "), inner) for key, inner in anything.items())
        return ", ".join(f"{k} ({fact(i)})" if isinstance(i, dict) else f"{k} {fact(i)}" for k, i in pairs)
    if isinstance(anything, list):
        end = ", ".join(value(i) if isinstance(i, list) else fact(i) for i in anything[-SHOWN:])
        return end if len(anything) <= SHOWN else f"{len(anything):,} in all, the last: {end}"
    if isinstance(anything, float):
        return three_digits(anything)
    if isinstance(anything, int) and not isinstance(anything, bool):
        return f"{anything:,}"
    return value(anything, 400)
