"""Every stored regression still shows what it showed, or, once it was mended, nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.explore import regression

FOLDERS = regression.stored(Path(__file__).parents[3] / "results")


def test_there_are_regressions() -> None:
    assert FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_regression_is_as_it_was(folder: Path) -> None:
    assert regression.check(folder) == []
