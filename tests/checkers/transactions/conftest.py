"""Both ways to the evidence: the readable Python, and its compiled twin."""

from __future__ import annotations

import pytest

from checkers.native import AVAILABLE, NOTICE
from checkers.transactions import compiled, cycles


@pytest.fixture
def python(monkeypatch: pytest.MonkeyPatch) -> None:
    """The readable Python judges."""
    monkeypatch.setattr(compiled, "AVAILABLE", False)
    monkeypatch.setattr(cycles, "AVAILABLE", False)


@pytest.fixture(params=["python", "compiled"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other."""
    if request.param == "compiled" and not AVAILABLE:
        pytest.skip(NOTICE)
    for module in (compiled, cycles):
        monkeypatch.setattr(module, "AVAILABLE", request.param == "compiled")
