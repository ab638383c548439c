"""Verdicts in words, shape and colour: the same everywhere on the page and in the summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.reports.run_folder import RunFolder
from harness.reports.words import sentence

SHAPES: Mapping[str, str] = {
    "held": "held",
    "violated": "violated",
    "weakness demonstrated": "weak",
    "weakness not demonstrated": "unknown",
    "inconclusive": "unknown",
    "valid": "held",
    "invalid": "violated",
    "unknown": "unknown",
}
"""The word in `results.json` to the name of its shape and colour."""

WORDS: Mapping[str, str] = {"valid": "Pass", "invalid": "Violation", "unknown": "Inconclusive"}
"""The verdict as the command line says it."""

EXPECTATIONS: Mapping[str, str] = {
    "holds": "must hold",
    "weak": "admitted weakness",
    "shape": "interface",
}


@dataclass(frozen=True, slots=True)
class Headline:
    """The verdict as the page's first words."""

    word: str
    shape: str
    sentence: str


def headline(run: RunFolder) -> Headline:
    """What a reader must know if this is all that is read."""
    results = run.results
    if results is None:
        return Headline(
            "No verdict",
            "unknown",
            "This run did not end: results.json is missing or unreadable. Nothing was judged; below is what "
            "was recorded until it stopped.",
        )
    word = WORDS.get(results.verdict, results.verdict)
    said = sentence(results.sentence) or "The run gave no sentence with its verdict."
    return Headline(word, SHAPES.get(results.verdict, "unknown"), said)
