"""Every stored regression still shows what it showed, or, once it was mended, nothing."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from harness.explore import regression

FOLDERS = regression.stored(Path(__file__).parents[3] / "results")


def test_regressions_are_small_and_none_of_their_steps_can_be_spared() -> None:
    kept = [regression.load(folder) for folder in FOLDERS]
    assert all(expected.one_minimal for _, expected in kept)
    assert median(len(tape.faults) for tape, _ in kept) <= 3
    assert median(len(tape.steps) for tape, _ in kept) <= 10


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_regression_is_as_it_was(folder: Path) -> None:
    assert regression.check(folder) == []
