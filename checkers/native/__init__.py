"""Compiled searches, where the installation could compile them; readable Python says what they mean.

Nothing needs them: where `AVAILABLE` is false (there was no C++ compiler), the same answers come from that
Python, later, and `NOTICE` is the sentence for people who wait. `_engine` is imported where it is used.
"""

from __future__ import annotations

from importlib.util import find_spec

AVAILABLE = find_spec("checkers.native._engine") is not None
NOTICE = (
    "the compiled checkers are not installed, so long histories take longer; "
    "install Pestle again where there are a C++ compiler and Python's headers (Debian: g++ python3-dev)"
)
